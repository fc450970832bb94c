"""One frame of many runs: from the tables of a database as through MLflow's client."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from finscale.config import StoreError
from finscale.tracking import (
    Kind,
    Status,
    Tag,
    cells,
    create_run,
    finals,
    runs_frame,
    search,
    trials,
    where,
)
from finscale.tracking.frames import read_runs
from tests.lab import CELL, PROBLEM, Lab
from tests.servers import free_port


def through_the_client(**tags: str) -> pd.DataFrame:
    return runs_frame(search(where(**tags), order_by=["attributes.start_time ASC"]))


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("kind", [Kind.HPO, Kind.TRIAL, Kind.TRAIN, Kind.FINAL, Kind.BASELINE])
def test_tables_and_client_give_the_same_frame(kind: Kind) -> None:
    ours = read_runs(KIND=kind, PROBLEM=PROBLEM)
    theirs = through_the_client(KIND=kind, PROBLEM=PROBLEM)
    assert len(ours) >= 1
    pd.testing.assert_frame_equal(
        ours.sort_values("run_id", ignore_index=True),
        theirs.sort_values("run_id", ignore_index=True),
    )
    assert ours["start_time"].is_monotonic_increasing


@pytest.mark.usefixtures("trained")
def test_a_filter_takes_every_tag_and_none_leaves_one_out() -> None:
    served = read_runs(KIND=Kind.FINAL, SELECTED="served")
    assert len(served) == 1 and set(served["kind"]) == {"final"}
    assert len(read_runs(KIND=Kind.FINAL, SELECTED=None)) == 4
    assert read_runs(KIND=Kind.FINAL, PROBLEM="another").empty


def test_what_was_deleted_is_not_there(trained: Lab) -> None:
    first, *others = trained.runs("final")
    trained.delete(first.info.run_id)
    assert set(read_runs(KIND=Kind.FINAL)["run_id"]) == {run.info.run_id for run in others}


@pytest.mark.usefixtures("lab")
def test_runs_of_a_deleted_experiment_are_not_there_and_those_of_another_are() -> None:
    client = MlflowClient()
    ids = {}
    for name in ("kept", "deleted"):
        experiment = client.create_experiment(name)
        ids[name] = client.create_run(experiment, tags={Tag.KIND.value: "trial"}).info.run_id
    client.delete_experiment(client.get_experiment_by_name("deleted").experiment_id)
    assert list(read_runs(KIND=Kind.TRIAL)["run_id"]) == [ids["kept"]]


@pytest.mark.usefixtures("lab")
def test_odd_values_come_back_as_they_are() -> None:
    run = create_run(Kind.TRIAL, "it's odd %_", tags={Tag.REASON: "it's % _ \\"})
    MlflowClient().log_metric(run.run_id, "val_loss", math.nan)
    MlflowClient().log_metric(run.run_id, "other", -0.0)
    MlflowClient().log_param(run.run_id, "ticker", "^GSPC")
    run.end(Status.DIVERGED, "it's % _ \\")
    (row,) = read_runs(KIND=Kind.TRIAL).to_dict("records")
    (same,) = through_the_client(KIND=Kind.TRIAL).to_dict("records")
    assert math.isnan(row["val_loss"]) and math.isnan(same["val_loss"])
    assert {**row, "val_loss": 0} == {**same, "val_loss": 0}
    assert row["reason"] == "it's % _ \\" and row["name"] == "it's odd %_"


@pytest.mark.usefixtures("lab")
def test_a_value_is_data_and_never_sql() -> None:
    create_run(Kind.TRIAL, "a trial")
    assert read_runs(KIND="trial' OR '1'='1").empty


def test_frames_read_no_artifact(trained: Lab) -> None:
    before = [trials(problem=PROBLEM), finals(problem=PROBLEM), cells(PROBLEM)]
    shutil.rmtree(trained.folder / "mlruns")
    after = [trials(problem=PROBLEM), finals(problem=PROBLEM), cells(PROBLEM)]
    assert [len(frame) for frame in after] == [2, 4, 1]
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other)


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect what databases are asked, with the values."""
    asked: list[tuple[str, Any]] = []

    def keep(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


@pytest.mark.usefixtures("trained")
def test_the_database_itself_chooses_the_runs() -> None:
    trials(cell=CELL)  # the store is looked at when it is first asked
    with statements() as asked:
        assert len(trials(cell=CELL)) == 2
    assert len(asked) == 4  # runs, tags, params, metrics; whatever the number of runs
    for statement, values in asked:
        assert statement.startswith("SELECT") and {Tag.CELL, CELL, Kind.TRIAL} <= set(values)


@pytest.mark.usefixtures("trained")
def test_a_run_that_is_made_while_the_frame_is_read_is_left_for_the_next() -> None:
    def make(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("SELECT tags.run_uuid") and len(made) == 0:
            made.append("")
            made[0] = create_run(Kind.TRAIN, "new", tags={Tag.PROBLEM: PROBLEM}).run_id

    made: list[str] = []
    event.listen(Engine, "before_cursor_execute", make)
    try:
        assert len(read_runs(KIND=Kind.TRAIN, PROBLEM=PROBLEM)) == 1
    finally:
        event.remove(Engine, "before_cursor_execute", make)
    assert made and len(read_runs(KIND=Kind.TRAIN, PROBLEM=PROBLEM)) == 2


def test_a_store_that_was_never_opened_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new/mlflow.db")
    assert trials().empty and finals().empty and cells().empty


@pytest.mark.parametrize(
    ("uri", "got"),
    [
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("postgresql+psycopg2://me:secret@127.0.0.1:{port}/db", "Connection refused"),
        ("postgresql+nobody://me:secret@127.0.0.1:{port}/db", "postgresql.nobody"),
    ],
)
@pytest.mark.parametrize("ask", [trials, lambda: list(search(""))])
def test_a_store_that_does_not_answer_is_one_line_at_once(
    uri: str, got: str, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=free_port()))
    started = time.monotonic()
    with pytest.raises(StoreError, match=f"tracking store .*; got .*{got}") as caught:
        ask()
    assert time.monotonic() - started < 5
    assert "secret" not in caught.value.line


@pytest.mark.usefixtures("lab")
def test_a_budget_is_a_name_even_where_it_is_all_digits() -> None:
    for budget in ("1600", "4K"):
        create_run(Kind.FINAL, budget).param({"budget": budget})
    for frame in (read_runs(KIND=Kind.FINAL), through_the_client(KIND=Kind.FINAL)):
        assert list(frame["budget"]) == ["1600", "4K"]
