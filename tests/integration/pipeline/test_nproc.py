"""Models that several processes train together, as one of several GPUs each would."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import pytest
import torch

from finscale.config import ConfigError, LostError, StudyConfig
from finscale.pipeline.running import Progress
from finscale.pipeline.searching.setup import memory_refusal, search_space
from finscale.pipeline.study import study
from finscale.tracking import Tag, finals, trials
from finscale.training import Gain, least_memory_bytes, spared_bytes
from tests.lab import CELL, Lab
from tests.rehearsal import PLAN, counts, finish, knows

ALONE: dict[str, Any] = {"dropout": 0.0, "n_trials": 1}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.pipeline.running.devices.available_cores", lambda: 2)


@pytest.mark.parametrize("verb_name", ["hpo", "train", "study"])
def test_more_devices_than_there_are_are_refused_before_a_run_is_made(
    lab: Lab, verb_name: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        if verb_name == "study":
            finish(lab, PLAN, nproc=3)
        else:
            (lab.hpo if verb_name == "hpo" else lab.train)(nproc=3)
    assert caught.value.line == (
        "nproc: expected at most 2, since this machine has 2 cores; got 3. "
        "Give -P nproc=2, or leave it out to train each model on one device."
    )
    assert lab.runs(verb_name) == []


@pytest.mark.parametrize("workers", [2, 3])
def test_several_workers_of_several_devices_are_refused(lab: Lab, workers: int) -> None:
    line = f"workers: expected 1, since each model is trained on nproc=2 devices; got {workers}"
    with pytest.raises(ConfigError, match=line):
        lab.config(nproc=2, workers=workers)
    with pytest.raises(ConfigError, match=line):
        lab.train_config(nproc=2, workers=workers)
    with pytest.raises(ConfigError, match=line):
        StudyConfig(study=PLAN, data_root=lab.data_root, nproc=2, workers=workers)


def test_the_memory_of_all_devices_counts_and_that_of_the_cpu_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = {"budget": "2M", "d_model": 192, "n_layers": 4, "n_heads": 2, "d_ff": 768}
    config = lab.config(**wide)
    space, cuda, cpu = (
        search_space(config, lab.problem()),
        torch.device("cuda"),
        torch.device("cpu"),
    )
    (arch,) = space.architectures

    def refuses(nproc: int, device: torch.device, there: int) -> bool:
        monkeypatch.setattr(
            "finscale.pipeline.searching.setup.available_memory_bytes", lambda _: there
        )
        asked = config.model_copy(update={"nproc": nproc})
        return memory_refusal(asked, space, device) is not None

    one, saved = least_memory_bytes(arch, "float32", "cuda"), spared_bytes(arch, 2)
    assert saved > 0
    assert not refuses(1, cuda, one) and refuses(1, cuda, one - 1)
    assert not refuses(2, cuda, one - saved) and refuses(2, cuda, one - saved - 1)
    one = least_memory_bytes(arch, "float32", "cpu")
    assert not refuses(1, cpu, one) and refuses(2, cpu, one)
    assert not refuses(2, cpu, 2 * (one - saved)) and refuses(2, cpu, 2 * (one - saved) - 2)


@pytest.mark.slow
def test_a_cell_trained_on_two_devices_is_that_of_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also that seeds, which would gain from it, are not put into one program then."""
    monkeypatch.setattr(
        "finscale.pipeline.finals.training.measure_gain", lambda *_: Gain(1e-3, 1e-3, 3)
    )
    lab.hpo(**ALONE, nproc=2)
    lab.train(**ALONE, nproc=2, top_k=1, n_seeds=2)
    (trial,) = trials(cell=CELL).to_dict("records")
    several = finals(cell=CELL).set_index("seed").sort_index()
    assert trial["status"] == "ok" and set(several["n_trained_together"]) == {1}
    assert lab.run(trial["run_id"]).data.tags[Tag.ENGINE] == "eager: on 2 devices"
    for run_id in [trial["run_id"], *several["run_id"]]:
        lab.delete(run_id)
    lab.train(**ALONE, top_k=1, n_seeds=2)  # searches again, since the trial is gone
    one = finals(cell=CELL).set_index("seed").sort_index()
    assert several["val_loss"].to_numpy() == pytest.approx(one["val_loss"].to_numpy(), abs=1e-4)
    assert list((lab.data_root / "checkpoints").glob("*")) == []


@pytest.mark.slow
def test_a_trial_whose_process_dies_goes_on_with_the_same_command(lab: Lab) -> None:
    def kill(event: object) -> None:
        if isinstance(event, Progress) and "epoch 1" in event.text:
            first = min(process.pid or 0 for process in multiprocessing.active_children())
            os.kill(first, signal.SIGKILL)

    with pytest.raises(LostError, match="one that died"):
        lab.hpo(**ALONE, nproc=2, listen=kill)
    assert multiprocessing.active_children() == []
    (left,) = lab.runs("trial")
    assert left.info.status == "KILLED"
    assert [run.info.status for run in lab.runs("hpo")] == ["FAILED"]
    lab.hpo(**ALONE, nproc=2)
    (again,) = lab.runs("trial")
    assert again.info.run_id == left.info.run_id and again.data.tags[Tag.STATUS] == "ok"


@pytest.mark.slow
def test_a_task_of_returns_is_trained_on_two_devices(lab: Lab) -> None:
    lab.hpo(**ALONE, nproc=2, task="regression")
    assert [run.data.tags[Tag.STATUS] for run in lab.runs("trial")] == ["ok"]


@pytest.mark.slow
def test_the_worker_of_a_study_starts_the_processes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a process itself, and multiprocessing forbids those of some kinds to start others."""
    knows(monkeypatch, PLAN)
    study(StudyConfig(study=PLAN, data_root=lab.data_root, device="cpu", nproc=2))
    assert counts(lab)["final"] > 0
    engines = {run.data.tags[Tag.ENGINE] for run in lab.runs("final")}
    assert engines == {"eager: on 2 devices"}
