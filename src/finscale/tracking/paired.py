"""Losses of many runs on the same days, for paired comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
from mlflow.entities import Run as StoredRun
from numpy.typing import NDArray

from finscale.config import StoreError
from finscale.evaluation import sample_losses
from finscale.tracking.names import TEST, VALIDATION
from finscale.tracking.results import read_predictions
from finscale.tracking.store import GoneError, first_line, open_client

_MOST_NAMED = 5


def paired_losses(finals: pd.DataFrame, *, segment: str = VALIDATION) -> pd.DataFrame:
    """Return the loss of every run on every day.

    Parameters
    ----------
    finals : DataFrame
        A frame with a column ``run_id``, such as the result of `finals` or `baselines`.
    segment : str
        ``validation`` gives the losses that choices have seen. ``test`` is allowed only for runs
        with a ``test_loss``, which `analyze` writes when it opens the test set.

    Returns
    -------
    DataFrame
        Losses in nats, one row per date and one column per run id, in the order of `finals`. If a
        day has several samples, their mean.

    Raises
    ------
    StoreError
        If there are no runs, if a run is not in the store, has no predictions or covers other
        days, or if the test is closed.

    Examples
    --------
    >>> from finscale.tracking import finals, paired_losses
    >>> runs = finals(cell="sp500.threshold_1pct.h1.daily.a20.2M")
    >>> losses = paired_losses(runs)
    >>> losses.columns.tolist() == runs["run_id"].tolist()
    True
    """
    run_ids = _run_ids(finals)
    if segment not in (VALIDATION, TEST):
        raise StoreError(
            "segment",
            expected=f"{VALIDATION} or {TEST}",
            got=repr(segment),
            todo=f"Only {VALIDATION} needs no opened test.",
        )
    runs = [_stored(run_id) for run_id in run_ids]
    if segment == TEST:
        _check_opened(runs)
    by_run = {run_id: losses_by_day(read_predictions(run_id), segment) for run_id in run_ids}
    _check_days(by_run, segment)
    return pd.DataFrame(by_run).rename_axis(columns="run_id")


def losses_by_day(predictions: pd.DataFrame, segment: str) -> pd.Series:
    """Return a run's mean loss on every day of a segment, in nats, by date.

    Validation losses are those stored with the forecasts, for the days that a choice has seen.
    Test losses are not stored and are computed here.
    """
    rows = predictions[predictions["segment"] == segment]
    if segment == VALIDATION:
        rows = rows.dropna(subset="loss")
        losses = rows["loss"]
    else:
        losses = pd.Series(sample_losses(rows["y"], outputs_of(rows)), index=rows.index)
    return losses.groupby(rows["date"]).mean().rename("loss")


def outputs_of(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """Return outputs_NK of N rows; K is 2 if there is a log sigma, else 1."""
    columns = ["output"] if predictions["log_sigma"].isna().all() else ["output", "log_sigma"]
    return predictions[columns].to_numpy(dtype=np.float64)


def _run_ids(finals: pd.DataFrame) -> list[str]:
    if "run_id" not in finals or finals.empty:
        raise StoreError(
            "paired losses",
            expected="a frame of runs with a column run_id",
            got="no run" if finals.empty else f"the columns {', '.join(map(str, finals))}",
            todo="Give what finals(problem=...) returns, and look whether it found any.",
        )
    return list(dict.fromkeys(finals["run_id"]))


def _stored(run_id: str) -> StoredRun:
    try:
        return open_client().get_run(run_id)
    except GoneError as error:
        raise StoreError(
            f"run {run_id}",
            expected="a run of the tracking store",
            got=first_line(error),
            todo="Leave it out, or set MLFLOW_TRACKING_URI to the store it belongs to.",
        ) from None


def _check_opened(runs: list[StoredRun]) -> None:
    """Refuse runs without a test loss, because their opening is not recorded yet."""
    closed = [run.info.run_id for run in runs if "test_loss" not in run.data.metrics]
    if closed:
        raise StoreError(
            "test losses",
            expected="runs whose test has been opened",
            got=f"a closed test of {_names(closed)}",
            todo="The test is closed until analyze opens it; validation needs no opening.",
        )


def _check_days(by_run: Mapping[str, pd.Series], segment: str) -> None:
    days = {run_id: tuple(losses.index) for run_id, losses in by_run.items()}
    # The days of the majority are expected, because the first run may be the exception.
    (usual, _), *_ = Counter(days.values()).most_common(1)
    others = [run_id for run_id in by_run if days[run_id] != usual or not usual]
    if others:
        first = days[others[0]]
        raise StoreError(
            f"{segment} losses",
            expected=f"the same days of every run, {_period(usual)}",
            got=f"{_period(first)} of {_names(others)}",
            todo="Leave them out, or take runs of one universe, horizon and split.",
        )


def _period(days: tuple[pd.Timestamp, ...]) -> str:
    return f"{len(days)} from {days[0]:%F} to {days[-1]:%F}" if days else "none"


def _names(run_ids: list[str]) -> str:
    more = f" and {len(run_ids) - _MOST_NAMED} more" if len(run_ids) > _MOST_NAMED else ""
    word = "run" if len(run_ids) == 1 else "runs"
    return f"{word} {', '.join(run_ids[:_MOST_NAMED])}{more}"
