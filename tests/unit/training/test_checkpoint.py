"""A run that was stopped or killed ends as if nothing had happened, to the bit.

Legend: `T` bars, `N` samples, `C` channels.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Samples,
    Signal,
    fit,
    last_epoch,
    make_samples,
    predict,
    reached,
    remove_checkpoint,
)
from finscale.training.state.checkpoint import CheckpointKeeper, Reached
from finscale.training.state.state import TrainingState

ARCH = Architecture(
    n_channels=3,
    d_model=6,
    n_layers=2,
    n_heads=2,
    d_ff=5,
    context_length=7,
    patch_length=3,
    patch_stride=2,
    dropout=0.2,
)
# 53 training samples in batches of 16: 4 steps an epoch, the last of 5 samples.
SETTINGS = FitSettings(
    epochs=7, learning_rate=0.05, weight_decay=1e-3, warmup_steps=10, batch_size=16, seed=11
)
N_TRAIN, N_VALIDATION = 53, 29
# The best epoch is the sixth: 3 more without a better one end the run.
IMPATIENT = {"epochs": 40, "warmup_steps": 6, "patience": 3}


pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass
class Outcome:
    """All that a run leaves."""

    epochs: list[Epoch] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    result: FitResult | None = None

    def __eq__(self, other: object) -> bool:
        """Compare to the bit, but for times and memory."""
        assert isinstance(other, Outcome) and self.result and other.result
        unlike = {"wall_time_s": 0.0, "samples_per_second": 0.0, "peak_memory_bytes": 0}
        mine, theirs = replace(self.result, **unlike), replace(other.result, **unlike)
        return (
            self.epochs == other.epochs
            and repr(mine) == repr(theirs)  # a NaN is no equal of itself
            and all(map(torch.equal, self.weights, other.weights))
        )


def problem(n_train: int = N_TRAIN) -> tuple[Samples, Samples]:
    """Bars of noise; a label is drawn with a chance that the last bar's channel 1 tells of."""
    rng = np.random.default_rng(17)
    n_bars = 6 + n_train + N_VALIDATION
    values_TC = rng.normal(size=(n_bars, 3))
    labels_T = (rng.random(n_bars) < 1 / (1 + np.exp(-2.0 * values_TC[:, 1]))).astype(float)
    parts = np.arange(6, 6 + n_train), np.arange(6 + n_train, n_bars)
    train, validation = (make_samples(values_TC, at_N, labels_T, 7) for at_N in parts)
    return train, validation


def network(**changed: Any) -> PatchTST:
    torch.manual_seed(5)
    return PatchTST(replace(ARCH, **changed))


def go_on(
    path: Path | None,
    ends: dict[int, Signal | type[BaseException]] | None = None,
    *,
    data: tuple[Samples, Samples] | None = None,
    arch: dict[str, Any] | None = None,
    every_s: float = 0.0,
    n_looks: int | None = None,
    is_killed: bool = False,
    **changed: Any,
) -> Outcome:
    """Train a new model on from a checkpoint, until an epoch of `ends` says otherwise.

    It is stopped, or its process killed, when it looks once more than `n_looks` times.
    """
    model, outcome = network(**(arch or {})), Outcome()
    looks = count()
    torch.rand(13)  # what the global generator gave in between does not matter

    def on_epoch(epoch: Epoch) -> Signal:
        outcome.epochs.append(epoch)
        answer = (ends or {}).get(epoch.number, Signal.CONTINUE)
        if isinstance(answer, Signal):
            return answer
        raise answer

    def is_stopping() -> bool:
        is_now = next(looks) == n_looks
        if is_now and is_killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return is_now

    train, validation = data or problem()
    outcome.result = fit(
        model,
        train,
        validation,
        replace(SETTINGS, **changed),
        on_epoch=on_epoch,
        checkpoints=Checkpoints(path, every_s) if path else None,
        is_stopping=is_stopping,
    )
    outcome.weights = [weight.detach() for weight in model.state_dict().values()]
    return outcome


@cache
def whole(**changed: Any) -> Outcome:
    """Train without a stop and without a checkpoint."""
    return go_on(None, **changed)


def stopped(path: Path, epoch: int, **changed: Any) -> Outcome:
    """Train until a stop after `epoch`; nothing is written before."""
    return go_on(path, {epoch: Signal.STOP}, every_s=1e9, **changed)


def joined(*parts: Outcome) -> Outcome:
    return Outcome([e for part in parts for e in part.epochs], parts[-1].weights, parts[-1].result)


# A resumed run is the uninterrupted one.


@settings(max_examples=20, deadline=None)
@given(
    stops=st.lists(st.integers(1, 7), min_size=1, max_size=2, unique=True).map(sorted),
    warmup_steps=st.sampled_from([0, 6, 100]),
    learning_rate=st.sampled_from([0.01, 0.05, 0.1]),  # of which the best epoch is another
)
def test_stops_do_not_change_a_bit(
    stops: list[int], warmup_steps: int, learning_rate: float
) -> None:
    changed = {"warmup_steps": warmup_steps, "learning_rate": learning_rate}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.safetensors"
        parts = [stopped(path, stop, **changed) for stop in stops]
        assert [part.result.status for part in parts if part.result] == ["stopped"] * len(stops)
        assert joined(*parts, go_on(path, **changed)) == whole(**changed)


# Each epoch looks before its 4 steps, before validation and at its end.
KILLED_AT = sorted(np.random.default_rng(23).choice(7 * 6, size=20, replace=False).tolist())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are copied by fork")
@pytest.mark.parametrize("look", KILLED_AT)
def test_a_kill_at_any_moment_does_not_change_a_bit(
    look: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.training.inputs.pace.WAIT_PER_TURN", 0.0)
    path = tmp_path / "run.safetensors"
    child = os.fork()
    if not child:  # the copy of this process, which is killed while it trains
        go_on(path, n_looks=look, is_killed=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    at, (epoch, within) = reached(path), divmod(look, 6)
    assert at == (Reached(epoch + 1) if within == 5 else Reached(epoch, within))
    rest = go_on(path)
    before = Outcome(whole().epochs[: at.epoch])
    assert joined(before, rest) == whole()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("dies_at", [1, 2, 5, 7])
def test_a_death_repeats_no_more_than_its_epoch(
    error: type[BaseException], dies_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.training.inputs.pace.WAIT_PER_TURN", 0.0)
    path = tmp_path / "run.safetensors"
    with pytest.raises(error):
        go_on(path, {dies_at: error})
    assert last_epoch(path) == dies_at - 1
    rest = go_on(path)
    assert [epoch.number for epoch in rest.epochs] == list(range(dies_at, 8))
    before = Outcome(whole().epochs[: dies_at - 1])
    assert joined(before, rest) == whole()


def test_checkpoints_do_not_change_a_bit_themselves(tmp_path: Path) -> None:
    assert go_on(tmp_path / "run.safetensors") == whole()
    result = whole().result
    assert result and (result.best_epoch, result.epochs_run) == (6, 7)  # not the last weights


@pytest.mark.parametrize("stop", [1, 3, 6, 7, 8, 9])
def test_patience_counts_across_a_stop(stop: int, tmp_path: Path) -> None:
    path, expected = tmp_path / "run.safetensors", whole(**IMPATIENT)
    assert expected.result and expected.result.reason == "early_stop"
    assert (expected.result.best_epoch, expected.result.epochs_run) == (6, 9)
    parts = stopped(path, stop, **IMPATIENT), go_on(path, **IMPATIENT)
    assert joined(*parts) == expected


def test_a_run_that_diverges_after_a_stop_has_no_loss(tmp_path: Path) -> None:
    path, data = tmp_path / "run.safetensors", problem()
    stopped(path, 2)
    data[1].values_TC[70, 1] = torch.nan
    outcome = go_on(path, data=data)
    assert outcome.result and (outcome.result.status, outcome.result.epochs_run) == ("diverged", 3)
    assert math.isnan(outcome.result.val_loss) and outcome.result.n_seen == 3 * 53
    # The model holds the best weights of before the stop.
    until = go_on(None, {2: Signal.PRUNE})
    assert until.result and outcome.result.best_epoch == until.result.best_epoch
    assert all(map(torch.equal, outcome.weights, until.weights))


def test_a_run_that_is_pruned_after_a_stop_keeps_its_best(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    parts = stopped(path, 2), go_on(path, {4: Signal.PRUNE})
    assert joined(*parts) == go_on(None, {4: Signal.PRUNE})


def test_a_result_that_was_lost_comes_back_without_training(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 7)
    again = go_on(path)
    assert again.epochs == [] and joined(whole(), again) == whole()
    remove_checkpoint(path)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_needs_no_checkpoint() -> None:
    outcome = go_on(None, {3: Signal.STOP})
    assert outcome.result and (outcome.result.status, outcome.result.reason) == ("stopped",) * 2
    assert outcome.epochs == whole().epochs[:3]


def test_time_before_a_stop_counts(tmp_path: Path) -> None:
    path, before = tmp_path / "run.safetensors", state()
    before.started -= 1009.0
    keeper(path).save(before)
    after = state()
    keeper(path).resume(after)
    assert 1009.0 < after.seconds < 1109.0


# A stop in the middle of an epoch. It looks before each of 4 batches, in the evaluation, and after.

LOOKS = 6


@pytest.mark.parametrize("n_looks", range(7 * LOOKS))
def test_a_stop_at_any_batch_does_not_change_a_bit(n_looks: int, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    part = go_on(path, every_s=1e9, n_looks=n_looks)
    assert part.result and (part.result.status, part.result.reason) == ("stopped",) * 2
    epoch, look = divmod(n_looks, LOOKS)
    expected = Reached(epoch, look) if look < 5 else Reached(epoch + 1)
    assert reached(path) == expected and last_epoch(path) == expected.epoch
    assert joined(part, go_on(path)) == whole()


@settings(max_examples=15, deadline=None)
@given(
    stops=st.lists(st.integers(0, 20), min_size=2, max_size=4),
    changed=st.sampled_from([IMPATIENT, {"warmup_steps": 0}, {"warmup_steps": 100}]),
)
def test_stops_at_batches_do_not_change_a_bit(stops: list[int], changed: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.safetensors"
        parts: list[Outcome] = []
        for n_looks in [*stops, None]:
            parts.append(go_on(path, every_s=1e9, n_looks=n_looks, **changed))
            if parts[-1].result and parts[-1].result.status == "ok":
                break  # it was at its end before it looked so often
        assert joined(*parts) == whole(**changed)


def test_an_older_program_does_not_misread_the_middle_of_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    go_on(path, every_s=1e9, n_looks=2 * LOOKS + 3)
    with safe_open(path, framework="pt") as file:
        plain, names = json.loads(file.metadata()["plain"]), set(file.keys())
    assert plain["schema"] == 2  # it knows 1
    assert (plain["values"]["epoch"], plain["values"]["batch"]) == (2, 3)
    assert "losses" in names


def test_a_prediction_ends_where_it_is_told_to() -> None:
    class EnoughError(Exception):
        pass

    def enough() -> None:
        raise EnoughError

    model, (train, _) = network(), problem()
    assert predict(model, train).shape == (N_TRAIN, 1)
    with pytest.raises(EnoughError):
        predict(model, train, enough)


# What is not the same run starts again.


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 12},
        {"epochs": 8},
        {"betas": (0.9, 0.99)},
        {"arch": {"d_ff": 7}},
        {"arch": {"n_layers": 3}},
        {"arch": {"n_layers": 1}},
        {"data": problem(n_train=47)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_run_starts_again(other: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 2)
    assert go_on(path, **other) == go_on(None, **other)


def test_another_schema_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 2)
    monkeypatch.setattr("finscale.training.state.checkpoint.SCHEMA", 2)
    assert last_epoch(path) == 0
    assert go_on(path) == whole()


def flip_middle(content: bytes) -> bytes:
    return flipped(content, len(content) // 2)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flip_middle, lambda old: old[:-1], lambda old: old[:99], lambda _: b"", lambda _: b"\x80{}"],
)
def test_a_damaged_file_starts_again(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 2)
    path.write_bytes(damage(path.read_bytes()))
    assert go_on(path) == whole()


@pytest.fixture(scope="module")
def file_of_epoch_2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "run.safetensors"
    stopped(path, 2)
    return path


@settings(max_examples=200, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), cut=st.booleans())
def test_any_damage_is_noticed(file_of_epoch_2: Path, where: float, cut: bool) -> None:
    sound = file_of_epoch_2.read_bytes()
    at = int(where * len(sound))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.safetensors"
        path.write_bytes(sound)
        assert last_epoch(path) == 2
        path.write_bytes(sound[:at] if cut else flipped(sound, at))
        assert last_epoch(path) == 0


def test_no_file_is_epoch_0(tmp_path: Path) -> None:
    assert last_epoch(tmp_path / "run.safetensors") == 0
    assert last_epoch(tmp_path / "no folder" / "run.safetensors") == 0
    assert last_epoch(tmp_path) == 0


# The file.


def test_nothing_is_pickled(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "run.safetensors"
    stopped(path, 3)
    with safe_open(path, framework="pt") as file:
        plain = json.loads(file.metadata()["plain"])
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    assert plain["schema"] == 1
    assert plain["identity"]["n_train"] == 53
    assert plain["identity"]["settings"] == SETTINGS.identity() | {"betas": [0.9, 0.999]}
    curve = [epoch.val_loss for epoch in whole().epochs[:3]]
    values = plain["values"]
    assert (values["epoch"], values["best_loss"]) == (3, min(curve))
    assert values["best_epoch"] == curve.index(min(curve)) + 1
    weights = {name: list(weight.shape) for name, weight in network().state_dict().items()}
    for part in ("model", "best"):
        assert {name: shapes.pop(f"{part}.{name}") for name in weights} == weights
    for index, weight in enumerate(network().parameters()):
        assert shapes.pop(f"optimiser.{index}.step") == []
        for moment in ("exp_avg", "exp_avg_sq"):
            assert shapes.pop(f"optimiser.{index}.{moment}") == list(weight.shape)
    assert set(shapes) == {"rng.cpu", "rng.order"}


def test_a_write_that_breaks_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 2)
    old = path.read_bytes()

    def broken(*_: object) -> None:
        raise PermissionError("not today")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", broken)
        with pytest.raises(PermissionError, match="not today"):
            go_on(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
    assert joined(Outcome(whole().epochs[:2]), go_on(path)) == whole()


@contextmanager
def files_up_to(n_bytes: int) -> Iterator[None]:
    """Refuse larger files, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    stopped(path, 2)
    old = path.read_bytes()
    with files_up_to(len(old) // 2), pytest.raises(OSError, match=r"run\.safetensors"):
        go_on(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_write_has_left_goes(tmp_path: Path) -> None:
    path, left = tmp_path / "run.safetensors", tmp_path / ".run.safetensors.tmp"
    left.mkdir()
    (left / ".tmpX7").write_bytes(b"half a file")
    stopped(path, 2)
    assert list(tmp_path.iterdir()) == [path]
    left.mkdir()
    remove_checkpoint(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_process_that_is_killed_loses_little(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    program = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1)\n"
        "from tests.unit.training.test_checkpoint import go_on\n"
        "go_on(Path(sys.argv[1]), epochs=100_000, patience=100_000)"
    )
    for seen in (0, 30, 60):  # killed three times, each time further on
        with subprocess.Popen([sys.executable, "-c", program, str(path)]) as process:
            try:
                while last_epoch(path) <= seen:
                    assert process.poll() is None
            finally:
                process.kill()
        assert process.returncode == -signal.SIGKILL
        assert last_epoch(path) > seen
    reached = last_epoch(path)
    end, endless = {reached + 5: Signal.PRUNE}, {"epochs": 100_000, "patience": 100_000}
    rest, expected = go_on(path, end, **endless), go_on(None, end, **endless)
    assert joined(Outcome(expected.epochs[:reached]), rest) == expected


# The pace of writing.


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def state() -> TrainingState:
    model = network()
    return TrainingState(model, torch.optim.AdamW(model.parameters()), torch.Generator())


def keeper(path: Path, clock: Clock | None = None) -> CheckpointKeeper:
    return CheckpointKeeper(Checkpoints(path), {}, **({"clock": clock} if clock else {}))


@pytest.mark.parametrize(
    ("write_s", "begins"),
    [
        (0.5, [30, 61, 92, 123]),  # half a second each, and 30 seconds of training between
        (1.5, [30, 62, 94, 126]),  # the longest of which 20 times fit into 30 seconds
        (4.0, [30, 114]),  # 80 seconds between
    ],
)
def test_writing_takes_a_twentieth_at_most(
    write_s: float, begins: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, begun = Clock(), []

    def write(*arguments: Any, **named: Any) -> None:
        begun.append(clock.now)
        clock.now += write_s
        save_file(*arguments, **named)

    monkeypatch.setattr("finscale.training.state.checkpoint.save_file", write)
    mine, training = keeper(tmp_path / "run.safetensors", clock), state()
    for second in range(130):  # an epoch a second, unless a write holds it up
        clock.now = max(clock.now, float(second))
        if mine.is_due():
            mine.save(training)
    assert begun == begins
    mine.save(training)
    assert len(begun) == len(begins) + 1


# What a file that cannot be used is called, and how a thread writes.


def told(path: Path, identity: dict[str, Any], training: TrainingState) -> list[str]:
    lines: list[str] = []
    CheckpointKeeper(Checkpoints(path, tell=lines.append), identity).resume(training)
    return lines


def test_a_file_that_cannot_be_used_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    assert told(path, {}, state()) == []
    keeper(path).save(state())
    assert told(path, {}, state()) == []
    (line,) = told(path, {"n_train": 7}, state())
    assert "other settings" in line and path.name in line
    other = PatchTST(replace(ARCH, d_ff=7))
    wider = TrainingState(other, torch.optim.AdamW(other.parameters()), torch.Generator())
    (line,) = told(path, {}, wider)
    assert "another architecture" in line
    path.write_bytes(path.read_bytes()[:-5])
    (line,) = told(path, {}, state())
    assert "damaged" in line


def test_a_half_written_file_is_told_and_the_one_before_is_used(tmp_path: Path) -> None:
    path, before = tmp_path / "run.safetensors", state()
    before.epoch = 5
    keeper(path).save(before)
    half = tmp_path / f".{path.name}.tmp"
    half.mkdir()
    (half / path.name).write_bytes(path.read_bytes()[:100])
    resumed = state()
    (line,) = told(path, {}, resumed)
    assert "cut short" in line and "the one before is used" in line
    assert resumed.epoch == 5


class Elsewhere(TrainingState):
    """A state as of an accelerator: its tensors are copies that a thread may write."""

    @property
    def device(self) -> torch.device:
        return torch.device("mps")


def test_a_thread_writes_for_an_accelerator_and_its_error_is_raised_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = network(), tmp_path / "run.safetensors"
    training = Elsewhere(model, torch.optim.AdamW(model.parameters()), torch.Generator(), epoch=3)
    mine, may_write = keeper(path), threading.Event()

    def write(*arguments: Any, **named: Any) -> None:
        assert may_write.wait(60)
        save_file(*arguments, **named)

    monkeypatch.setattr("finscale.training.state.checkpoint.save_file", write)
    mine.save(training)
    assert not path.exists() and not mine.is_due()
    may_write.set()
    mine.wait()
    assert last_epoch(path) == 3
    monkeypatch.setattr("finscale.training.state.checkpoint.save_file", no_room)
    mine.save(training)
    with pytest.raises(OSError, match="No space"):
        mine.wait()
    assert last_epoch(path) == 3


def no_room(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


def test_progress_within_an_epoch_counts_for_a_resume() -> None:
    assert Reached(3, 17).mark == "3:17" and Reached(3).mark == "3"
    assert Reached(3, 17).is_beyond("3") and Reached(3, 17).is_beyond("3:16")
    assert Reached(4).is_beyond("3:17") and Reached(1).is_beyond("0")
    assert not Reached(3, 17).is_beyond("3:17") and not Reached(3).is_beyond("3")
