"""One frame of many runs: from the tables of a database as through MLflow's client."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from mlflow import MlflowClient

from finscale.tracking import Kind, Status, Tag, create_run, runs_frame, search, where
from finscale.tracking.frames import read_runs
from tests.lab import PROBLEM, Lab


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
        check_like=True,
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
