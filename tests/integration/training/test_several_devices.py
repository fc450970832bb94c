"""`fit` in two processes that share every batch, against `fit` in one."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from finscale.config import LostError
from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Member,
    Samples,
    Signal,
    fit_on_several,
    fit_together,
    make_samples,
    predict,
    reached,
    remove_checkpoint,
)
from tests.lab import ROOT

ARCH = Architecture(
    n_channels=3, d_model=6, n_layers=2, n_heads=2, d_ff=5, context_length=7, patch_length=3,
    patch_stride=2,
)  # fmt: skip
# 53 training samples in batches of 16: 4 steps an epoch, the last of 5 samples.
SETTINGS = FitSettings(
    epochs=3, learning_rate=0.02, weight_decay=1e-3, warmup_steps=5, batch_size=16, seed=11
)
N_TRAIN, N_STEPS = 53, 4
CLOSE = 1e-5

pytestmark = pytest.mark.usefixtures("one_thread")


def problem(n_train: int = N_TRAIN) -> tuple[Samples, Samples]:
    rng = np.random.default_rng(17)
    values_TC = rng.normal(size=(88, 3))
    labels_T = (rng.random(88) < 1 / (1 + np.exp(-2.0 * values_TC[:, 1]))).astype(float)
    return (
        make_samples(values_TC, np.arange(6, 6 + n_train), labels_T, 7),
        make_samples(values_TC, np.arange(59, 88), labels_T, 7),
    )


@dataclass
class Trained:
    """A model, and what its training has reported.

    Attributes
    ----------
    told : list of str
        What was said about a checkpoint that could not be used.
    """

    model: PatchTST
    epochs: list[Epoch] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    result: FitResult | None = None

    @property
    def losses(self) -> list[float]:
        return [loss for epoch in self.epochs for loss in (epoch.train_loss, epoch.val_loss)]

    @property
    def outputs(self) -> Tensor:
        return predict(self.model, problem()[1])

    def assert_close_to(self, other: Trained) -> None:
        assert self.result and other.result
        assert self.losses == pytest.approx(other.losses, abs=CLOSE)
        torch.testing.assert_close(self.outputs, other.outputs, rtol=0.0, atol=CLOSE)
        assert self.result.reason == other.result.reason
        assert self.result.best_epoch == other.result.best_epoch
        assert self.result.n_seen == other.result.n_seen


def train(
    n_devices: int = 1,
    *,
    path: Path | None = None,
    stop_after: int = 10**9,
    answers: dict[int, Signal] | None = None,
    settings: FitSettings = SETTINGS,
    arch: Architecture = ARCH,
    n_train: int = N_TRAIN,
    is_sharded: bool = False,
) -> Trained:
    """Train a model, or go on with it.

    Parameters
    ----------
    path : Path
        Where its checkpoint is; one is written at every opportunity.
    stop_after : int
        Number of looks, before each batch and within and after each validation, after which it is
        stopped.
    answers : dict
        For an epoch, how the run continues after it.
    """
    torch.manual_seed(3)
    trained = Trained(PatchTST(arch))
    looks = iter(range(10**9))

    def on_epoch(epoch: Epoch) -> Signal:
        trained.epochs.append(epoch)
        return (answers or {}).get(epoch.number, Signal.CONTINUE)

    def is_stopping() -> bool:
        return next(looks) >= stop_after

    checkpoints = Checkpoints(path, 0.0, tell=trained.told.append) if path else None
    member = Member(trained.model, settings.seed, on_epoch, checkpoints)
    if n_devices == 1:
        (trained.result,) = fit_together(
            [member], *problem(n_train), settings, is_stopping=is_stopping
        )
    else:
        trained.result = fit_on_several(
            member,
            *problem(n_train),
            settings,
            n_devices=n_devices,
            device_type="cpu",
            is_stopping=is_stopping,
            is_sharded=is_sharded,
        )
    assert multiprocessing.active_children() == []
    return trained


def test_a_run_that_began_on_one_device_goes_on_on_two_as_if_on_one(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    first = train(path=path, stop_after=N_STEPS + 2 + 2)
    assert first.result and first.result.status == "stopped"
    assert (reached(path).epoch, reached(path).batch) == (1, 2)
    second = train(2, path=path)
    second.epochs = first.epochs + second.epochs
    second.assert_close_to(train())
    assert second.result and second.result.engine == "eager: on 2 devices"
    assert second.told == []


@pytest.mark.slow
@pytest.mark.parametrize("n_train", [53, 49, 5], ids=["last of 5", "last of 1", "one batch of 5"])
@pytest.mark.parametrize("is_sharded", [False, True], ids=["copies", "shards"])
def test_two_devices_give_what_one_does(n_train: int, is_sharded: bool) -> None:
    several = train(2, n_train=n_train, is_sharded=is_sharded)
    several.assert_close_to(train(n_train=n_train))
    assert len(several.epochs) == 3


@pytest.mark.slow
def test_three_devices_and_clipped_gradients_give_what_one_does() -> None:
    clipped = replace(SETTINGS, clip_norm=0.01, batch_size=17)
    train(3, settings=clipped).assert_close_to(train(settings=clipped))


@pytest.mark.slow
@pytest.mark.parametrize("then", [1, 2])
@pytest.mark.parametrize("is_sharded", [False, True], ids=["copies", "shards"])
def test_a_stopped_run_goes_on_wherever_there_is_a_device(
    tmp_path: Path, then: int, is_sharded: bool
) -> None:
    path = tmp_path / "run.safetensors"
    first = train(2, path=path, stop_after=N_STEPS + 2 + 2, is_sharded=is_sharded)
    assert first.result and first.result.status == "stopped"
    assert (reached(path).epoch, reached(path).batch) == (1, 2)
    second = train(then, path=path, is_sharded=is_sharded)
    assert second.told == []
    second.epochs = first.epochs + second.epochs
    second.assert_close_to(train())


@pytest.mark.slow
def test_a_checkpoint_of_shards_is_safetensors_files_that_any_device_reads(tmp_path: Path) -> None:
    path = tmp_path / "first" / "run.safetensors"
    first = train(2, path=path, stop_after=N_STEPS + 2 + 2, is_sharded=True)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 1 + 2 and {file.suffix for file in files} == {".safetensors"}
    for file in files:
        load_file(file)  # nothing is pickled
    for copy in ("second", "third"):
        shutil.copytree(path.parent, tmp_path / copy)

    second = train(path=path)  # its own checkpoints are whole again, and replace the shards
    second.epochs = first.epochs + second.epochs
    second.assert_close_to(train())
    assert [file.name for file in path.parent.iterdir()] == [path.name]

    path = tmp_path / "second" / path.name
    other = train(path=path, arch=replace(ARCH, d_ff=7), stop_after=0)
    assert "of other settings, data or another architecture" in other.told[0]

    path = tmp_path / "third" / path.name
    next(path.parent.rglob("shard*")).unlink()
    anew = train(path=path, stop_after=0)
    assert anew.told == [f"checkpoint {path.name} is damaged: training begins anew"]
    remove_checkpoint(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.slow
def test_a_whole_checkpoint_is_sharded_and_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "first" / "run.safetensors"
    first = train(path=path, stop_after=N_STEPS + 2 + 2)
    second = train(2, path=path, is_sharded=True, stop_after=4)
    assert second.told == []
    shutil.copytree(path.parent, tmp_path / "copy")
    third = train(2, path=path)
    third.epochs = first.epochs + second.epochs + third.epochs
    third.assert_close_to(train())
    other = train(
        2, path=tmp_path / "copy" / path.name, arch=replace(ARCH, d_ff=7), is_sharded=True
    )
    assert "of other settings, data or another architecture" in other.told[0]
    assert len(other.epochs) == 3


@pytest.mark.slow
def test_dropout_is_the_same_after_a_stop_and_differs_between_devices(tmp_path: Path) -> None:
    path, dropping = tmp_path / "run.safetensors", replace(ARCH, dropout=0.4)
    whole = train(2, arch=dropping)
    first = train(2, arch=dropping, path=path, stop_after=2)
    second = train(2, arch=dropping, path=path)
    assert first.losses + second.losses == whole.losses
    assert whole.losses != pytest.approx(train().losses, abs=1e-3)


@pytest.mark.slow
def test_the_caller_decides_how_a_run_continues() -> None:
    pruned = train(2, answers={2: Signal.PRUNE})
    assert pruned.result and pruned.result.status == "pruned" and len(pruned.epochs) == 2
    pruned.assert_close_to(train(answers={2: Signal.PRUNE}))


@pytest.mark.slow
def test_a_stop_asked_for_after_an_epoch_leaves_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    stopped = train(2, path=path, answers={1: Signal.STOP})
    assert stopped.result and stopped.result.status == "stopped"
    assert reached(path).epoch == 1


def children() -> list[int]:
    return sorted(process.pid or 0 for process in multiprocessing.active_children())


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_dies_ends_the_run_with_one_error(tmp_path: Path, which: int) -> None:
    path = tmp_path / "run.safetensors"
    torch.manual_seed(3)
    model = PatchTST(ARCH)

    def kill(epoch: Epoch) -> Signal:
        if epoch.number == 2:
            os.kill(children()[which], signal.SIGKILL)
        return Signal.CONTINUE

    member = Member(model, SETTINGS.seed, kill, Checkpoints(path, 0.0))
    with pytest.raises(LostError, match="one that died"):
        fit_on_several(member, *problem(), SETTINGS, n_devices=2, device_type="cpu")
    assert children() == []
    found = reached(path)
    assert (0, 0) < (found.epoch, found.batch)
    rest, unbroken = train(2, path=path), train()
    rest.epochs = unbroken.epochs[: found.epoch] + rest.epochs
    rest.assert_close_to(unbroken)


@pytest.mark.slow
def test_an_error_of_the_caller_ends_all_processes() -> None:
    def fail(_: Epoch) -> Signal:
        raise RuntimeError("the store is away")

    with pytest.raises(RuntimeError, match="the store is away"):
        fit_on_several(
            Member(PatchTST(ARCH), 11, fail),
            *problem(),
            SETTINGS,
            n_devices=2,
            device_type="cpu",
        )
    assert children() == []


@pytest.mark.slow
def test_an_error_of_a_process_is_the_error_of_the_run() -> None:
    member = Member(PatchTST(ARCH), 11, lambda _: Signal.CONTINUE)
    with pytest.raises(RuntimeError, match="1D tensors expected") as caught:
        fit_on_several(member, *problem(), SETTINGS, n_devices=2, device_type="cpu", loss=torch.dot)
    assert "rank_process.py" in caught.value.__notes__[0]
    assert children() == []


UNTIL_KILLED = """
import multiprocessing
from dataclasses import replace
from finscale.model import PatchTST
from finscale.training import Member, Signal, fit_on_several
from tests.integration.training.test_several_devices import ARCH, SETTINGS, problem

def report(epoch):
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    return Signal.CONTINUE

if __name__ == "__main__":
    long = replace(SETTINGS, epochs=10_000, patience=10_000)
    member = Member(PatchTST(ARCH), 11, report)
    fit_on_several(member, *problem(), long, n_devices=2, device_type="cpu")
"""


@pytest.mark.slow
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "until_killed.py"
    script.write_text(UNTIL_KILLED)
    started = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    left = [psutil.Process(int(pid)) for pid in started.stdout.readline().split()]
    assert len(left) == 2
    started.kill()
    started.communicate()
    _, alive = psutil.wait_procs(left, timeout=60.0)
    assert alive == []
