"""`train` with several seeds in one program, and with several processes, on a real store."""

from __future__ import annotations

import pandas as pd
import pytest
from mlflow import MlflowClient

from finscale.pipeline.running.progress import Progress
from finscale.tracking import Tag, finals
from finscale.training import Gain
from tests.lab import CELL, Lab

SEEDS = [43, 44, 45]


def by_seed() -> pd.DataFrame:
    rows: pd.DataFrame = finals(cell=CELL).set_index("seed").sort_index()
    return rows


def gaining(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Let the measurement say how much faster three seeds are in one program."""
    monkeypatch.setattr(
        "finscale.pipeline.finals.training.measure_gain", lambda *_: Gain(1e-3, 3e-3 / factor, 3)
    )


def test_seeds_in_one_program_are_finals_as_if_trained_alone(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaining(monkeypatch, 1.0)
    searched.train(top_k=1, n_seeds=3)
    alone = by_seed()
    assert list(alone.index) == SEEDS and set(alone["n_trained_together"]) == {1}
    for run_id in alone["run_id"]:
        searched.delete(run_id)
    gaining(monkeypatch, 2.0)
    searched.train(top_k=1, n_seeds=3)
    together = by_seed()
    assert list(together.index) == SEEDS and set(together["n_trained_together"]) == {3}
    assert together["val_loss"].to_numpy() == pytest.approx(alone["val_loss"].to_numpy(), rel=1e-4)
    assert list(together["epochs_run"]) == [2, 2, 2]
    left = {path.name.split(".")[0] for path in (searched.data_root / "checkpoints").glob("*")}
    assert not left & set(together["run_id"])
    for run_id in together["run_id"]:
        assert searched.run(run_id).data.tags[Tag.ENGINE].startswith("eager")


def test_a_stopped_group_goes_on_under_its_runs(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaining(monkeypatch, 2.0)

    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.text.startswith("seed 44, epoch 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched.train(top_k=1, n_seeds=3, listen=stop)
    left = searched.runs("final")
    assert len(left) == 3 and {run.info.status for run in left} == {"KILLED"}
    searched.train(top_k=1, n_seeds=3)
    again = by_seed()
    assert set(again["run_id"]) == {run.info.run_id for run in left}
    for run_id in again["run_id"]:
        history = MlflowClient().get_metric_history(run_id, "epoch/val_loss")
        assert sorted({point.step for point in history}) == [1, 2]


def test_progress_counts_every_seed_once(searched: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    gaining(monkeypatch, 2.0)
    told: list[Progress] = []

    def listen(event: object) -> None:
        if isinstance(event, Progress) and event.key == f"{CELL} finals":
            told.append(event)

    searched.train(top_k=1, n_seeds=3, listen=listen)
    ends = {event.part: event.done for event in told if event.part}
    assert len(ends) == 3 and set(ends.values()) == {2}
    assert {event.total for event in told} == {6}


@pytest.mark.slow
def test_two_processes_train_what_one_would(searched: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    gaining(monkeypatch, 1.0)
    searched.train(top_k=1, n_seeds=3)
    alone = by_seed()
    for run_id in alone["run_id"]:
        searched.delete(run_id)
    searched.train(top_k=1, n_seeds=3, workers=2)
    side_by_side = by_seed()
    assert list(side_by_side["val_loss"]) == list(alone["val_loss"])
    assert {run.info.status for run in searched.runs("final")} == {"FINISHED"}
