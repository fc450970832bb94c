"""Losses of many runs on the same days: from what `train` has stored, never of a closed test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from finscale.config import StoreError
from finscale.evaluation import bce_with_logits, gaussian_nll
from finscale.tracking import (
    Kind,
    Run,
    baselines,
    create_run,
    finals,
    losses_by_day,
    paired_losses,
)
from tests.lab import PROBLEM

DAYS = pd.to_datetime(["2015-01-05", "2015-01-06", "2015-01-07", "2016-01-04", "2016-01-05"])
SEGMENTS = ["validation"] * 3 + ["test"] * 2


def predictions(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame({"date": DAYS, "ticker": "x", "segment": SEGMENTS, "block": 0})
    frame = frame.assign(y=[1.0, 0.0, 1.0, 0.0, 1.0], output=[0.5, -0.5, 2.0, 1.0, 3.0])
    frame = frame.assign(log_sigma=np.nan, loss=[0.1, 0.2, 0.3, np.nan, np.nan])
    return frame.assign(**columns)


def write(frame: pd.DataFrame, folder: Path, **metrics: float) -> Run:
    run = create_run(Kind.FINAL, "a final")
    frame.to_parquet(folder / "predictions.parquet", index=False)
    run.file(folder / "predictions.parquet")
    run.metric(metrics)
    return run


def of(*runs: Run) -> pd.DataFrame:
    return pd.DataFrame({"run_id": [run.run_id for run in runs]})


@pytest.mark.usefixtures("trained")
def test_finals_and_baselines_have_a_column_each_whose_mean_is_their_validation_loss() -> None:
    both = pd.concat([finals(problem=PROBLEM), baselines(PROBLEM)])
    losses = paired_losses(both)
    assert list(losses) == list(both["run_id"]) and losses.columns.name == "run_id"
    assert losses.index.name == "date" and losses.index.is_monotonic_increasing
    assert len(losses) == both["n_val"].iloc[0] and losses.index.max().year == 2015
    np.testing.assert_allclose(losses.mean(), both["val_loss"], rtol=1e-12)


@pytest.mark.usefixtures("trained")
def test_the_test_of_finals_is_closed_until_it_is_opened() -> None:
    found = finals(problem=PROBLEM)
    with pytest.raises(StoreError, match="The test is closed until analyze opens it") as caught:
        paired_losses(found.assign(test_loss=0.3), segment="test")  # the store is asked, not it
    assert all(run_id in caught.value.line for run_id in found["run_id"])


@pytest.mark.usefixtures("lab")
def test_an_opened_test_is_scored_from_outputs_and_labels(tmp_path: Path) -> None:
    frame = predictions()
    opened = write(frame, tmp_path, test_loss=0.3)
    losses = paired_losses(of(opened), segment="test")[opened.run_id]
    np.testing.assert_allclose(losses, bce_with_logits(frame["y"], frame["output"])[3:])
    assert list(losses.index) == list(DAYS[3:])
    closed = write(frame, tmp_path)
    with pytest.raises(StoreError, match=f"a closed test of run {closed.run_id}"):
        paired_losses(of(opened, closed), segment="test")


@pytest.mark.usefixtures("lab")
def test_a_density_is_scored_with_its_sigma(tmp_path: Path) -> None:
    frame = predictions(log_sigma=-1.0)
    run = write(frame, tmp_path, test_loss=0.3)
    expected = gaussian_nll(frame["y"][3:], frame["output"][3:], frame["log_sigma"][3:])
    np.testing.assert_allclose(paired_losses(of(run), segment="test")[run.run_id], expected)


def test_several_samples_of_a_day_are_averaged_and_days_sorted() -> None:
    frame = predictions(date=DAYS[[1, 0, 1, 3, 3]])
    assert losses_by_day(frame, "validation").to_dict() == {DAYS[0]: 0.2, DAYS[1]: 0.2}
    both = bce_with_logits(frame["y"], frame["output"])[3:]
    assert losses_by_day(frame, "test").to_dict() == {DAYS[3]: pytest.approx(both.mean())}


@pytest.mark.usefixtures("lab")
def test_other_days_are_refused_with_the_run_that_has_them(tmp_path: Path) -> None:
    odd = write(predictions(loss=[0.1, np.nan, 0.3, np.nan, np.nan]), tmp_path)
    good = [write(predictions(), tmp_path) for _ in range(2)]
    with pytest.raises(StoreError) as caught:
        paired_losses(of(odd, *good))
    expected = (
        "validation losses: expected the same days of every run, 3 from 2015-01-05 to 2015-01-07; "
        f"got 2 from 2015-01-05 to 2015-01-07 of run {odd.run_id}. "
        "Leave them out, or take runs of one universe, horizon and split."
    )
    assert caught.value.line == expected


@pytest.mark.usefixtures("lab")
def test_runs_without_a_validation_loss_are_refused(tmp_path: Path) -> None:
    run = write(predictions(loss=np.nan), tmp_path)
    with pytest.raises(StoreError, match=f"got none of run {run.run_id}"):
        paired_losses(of(run))


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (lambda: finals(problem="none.there"), "got no run"),
        (lambda: pd.DataFrame({"run_id": []}), "got no run"),
        (lambda: pd.DataFrame({"cell": ["x"]}), "got the columns cell"),
    ],
)
def test_a_frame_without_runs_is_refused(frame: Callable[[], pd.DataFrame], complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint):
        paired_losses(frame())


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("segment", ["validation", "test"])
def test_a_run_that_the_store_does_not_hold_is_refused_in_one_line(segment: str) -> None:
    with pytest.raises(StoreError) as caught:
        paired_losses(pd.DataFrame({"run_id": ["a" * 32]}), segment=segment)
    expected = (
        f"run {'a' * 32}: expected a run of the tracking store; "
        f"got Run with id={'a' * 32} not found. "
        "Leave it out, or set MLFLOW_TRACKING_URI to the store it belongs to."
    )
    assert caught.value.line == expected


def test_another_segment_is_refused() -> None:
    with pytest.raises(StoreError, match="expected validation or test; got 'training'"):
        paired_losses(pd.DataFrame({"run_id": ["a"]}), segment="training")


@pytest.mark.usefixtures("trained")
def test_predictions_that_are_gone_are_refused_with_their_run() -> None:
    found = finals(problem=PROBLEM)
    first = found["run_id"].iloc[0]
    artifacts = Path(MlflowClient().get_run(first).info.artifact_uri)
    (artifacts / "predictions.parquet").unlink()
    with pytest.raises(StoreError, match=rf"run {first}: expected the artifact predictions\."):
        paired_losses(found)
