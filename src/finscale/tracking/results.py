"""Curves, files and the model that a run has stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.entities import Metric
from pandas.api.types import is_numeric_dtype

from finscale.config import StoreError
from finscale.model import Architecture
from finscale.tracking.names import Artifact, Tag, curve
from finscale.tracking.runs import downloaded, read_text
from finscale.tracking.store import open_client

if TYPE_CHECKING:
    from finscale.model import PatchTST

PREDICTION_COLUMNS = ("date", "ticker", "segment", "block", "y", "output", "log_sigma", "loss")
_NUMBERS = ("block", "y", "output", "log_sigma", "loss")


def val_curve(run_id: str) -> tuple[float, ...]:
    """Return the validation loss after each epoch."""
    history = open_client().get_metric_history(run_id, curve("val_loss"))
    return tuple(point.value for point in sorted(history, key=lambda point: point.step))


def metric_of(run_id: str, name: str) -> Metric | None:
    """Return the latest value of a metric with its step, or None if it was not logged."""
    history = open_client().get_metric_history(run_id, name)
    return max(history, key=lambda point: point.step, default=None)


def read_json(run_id: str, artifact: str) -> dict[str, Any]:
    """Return a JSON artifact."""
    content: dict[str, Any] = json.loads(read_text(run_id, artifact))
    return content


def read_predictions(run_id: str) -> pd.DataFrame:
    """Return ``predictions.parquet`` of a run. For a trial, it covers validation only.

    Raises
    ------
    StoreError
        If the run has no predictions or the file is damaged.
    """
    with downloaded(run_id, Artifact.PREDICTIONS) as path:
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise _damaged(run_id, str(error).split("\n")[0]) from None
    missing = [column for column in PREDICTION_COLUMNS if column not in frame]
    if missing:
        raise _damaged(run_id, f"no column {', '.join(missing)}")
    text = [name for name in _NUMBERS if not is_numeric_dtype(frame[name])]
    if text:
        raise _damaged(run_id, f"text in the column {', '.join(text)}")
    return frame


def has_artifact(run_id: str, artifact: str) -> bool:
    """Return True if a run has stored a file at the top level of its artifacts."""
    return artifact in {found.path for found in open_client().list_artifacts(run_id)}


def find_predictions(run_id: str) -> pd.DataFrame | None:
    """Return a run's predictions, or None if it has stored none."""
    return read_predictions(run_id) if has_artifact(run_id, Artifact.PREDICTIONS) else None


def load_trial(run_id: str) -> PatchTST:
    """Return the model of a trial or a final, with its weights, in evaluation mode.

    Raises
    ------
    StoreError
        If the run has no model, or its weights were removed.
    DataError
        If the weights belong to another architecture.

    Examples
    --------
    >>> from finscale.tracking import load_trial, trials
    >>> best = trials(cell="sp500.threshold_1pct.h1.daily.a20.2M").iloc[0]
    >>> model = load_trial(best["run_id"])
    >>> model.arch.d_model == int(best["d_model"])
    True
    """
    from finscale.model import load_weights  # imports torch, which reading tables does not need

    config = read_json(run_id, Artifact.CONFIG)
    if "architecture" not in config:
        raise StoreError(
            f"run {run_id}",
            expected="a trial or a final",
            got="a run without an architecture",
            todo="Take the id of a trial.",
        )
    removed = open_client().get_run(run_id).data.tags.get(Tag.WEIGHTS)
    if removed:
        raise StoreError(
            f"run {run_id}",
            expected=f"the artifact {Artifact.WEIGHTS}",
            got=f"none ({removed})",
            todo="Take a run that has kept its weights, or train this one again.",
        )
    with downloaded(run_id, Artifact.WEIGHTS) as path:
        return load_weights(path, Architecture(**config["architecture"]))


def _damaged(run_id: str, got: str) -> StoreError:
    return StoreError(
        f"predictions of run {run_id}",
        expected=f"a Parquet file with the columns {', '.join(PREDICTION_COLUMNS)}",
        got=got,
        todo="Delete this run, then give the command that made it again.",
    )
