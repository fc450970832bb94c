"""Reading runs: tidy frames, one row a run, quantities numeric."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.entities import Metric
from mlflow.entities import Run as StoredRun
from pandas.api.types import is_numeric_dtype

from finscale.config import StoreError
from finscale.model import Architecture
from finscale.tracking.frames import read_runs
from finscale.tracking.names import VAL_LOSS, Artifact, Kind, Selected, Status, Tag, curve
from finscale.tracking.runs import downloaded, read_text, search, where
from finscale.tracking.store import open_client

if TYPE_CHECKING:
    from finscale.model import PatchTST

PREDICTION_COLUMNS = ("date", "ticker", "segment", "block", "y", "output", "log_sigma", "loss")
_NUMBERS = ("block", "y", "output", "log_sigma", "loss")
_RESULTS = (Status.OK, Status.PRUNED, Status.DIVERGED)


def trials(
    *, problem: str | None = None, cell: str | None = None, parent: str | None = None
) -> pd.DataFrame:
    """Return trials, the best first; those without a loss last.

    Parameters
    ----------
    problem, cell : str, optional
        Tags ``finscale.problem`` and ``finscale.cell``.
    parent : str, optional
        Run id of the search.
    """
    frame = _read_runs(KIND=Kind.TRIAL, PROBLEM=problem, CELL=cell, PARENT=parent)
    return (
        frame.sort_values(VAL_LOSS, ignore_index=True, kind="stable")
        if VAL_LOSS in frame
        else frame
    )


def finals(
    *, problem: str | None = None, cell: str | None = None, parent: str | None = None
) -> pd.DataFrame:
    """Return finals, each fingerprint once (its first run), in the order they were made."""
    return _distinct(_read_runs(KIND=Kind.FINAL, PROBLEM=problem, CELL=cell, PARENT=parent))


def baselines(problem: str) -> pd.DataFrame:
    """Return the finished baselines of a problem, each fingerprint once."""
    return _distinct(_read_runs(KIND=Kind.BASELINE, PROBLEM=problem, STATUS=Status.OK))


def searches(cell: str) -> pd.DataFrame:
    """Return the searches there are for a cell."""
    return _read_runs(KIND=Kind.HPO, CELL=cell)


def cells(problem: str | None = None) -> pd.DataFrame:
    """Return one row a cell: its best chosen configuration's size, seeds and mean losses."""
    frame = finals(problem=problem)
    if "selected" not in frame:
        return frame.iloc[:0]
    chosen = frame[frame["selected"].isin([Selected.SERVED, Selected.CONFIGURATION])]
    # Searches with other epochs, say, have each chosen one: a mean over both would be nobody's.
    grouped = chosen.groupby(["problem", "cell", "configuration"], as_index=False).agg(
        budget=("budget", "first"),
        n_params=("n_params", "first"),
        n_seeds=("run_id", "size"),
        val_loss=("val_loss", "mean"),
        train_loss=("train_loss", "mean"),
    )
    best = grouped.sort_values("val_loss").drop_duplicates(["problem", "cell"])
    return best.sort_values("n_params", ignore_index=True)


def find_result(kind: Kind, fingerprint: str) -> StoredRun | None:
    """Return the run that already holds this result: ok, pruned or diverged."""
    for run in search(where(KIND=kind, FINGERPRINT=fingerprint)):
        if run.data.tags.get(Tag.STATUS) in _RESULTS:
            return run
    return None


def val_curve(run_id: str) -> tuple[float, ...]:
    """Return the validation loss after each epoch."""
    history = open_client().get_metric_history(run_id, curve("val_loss"))
    return tuple(point.value for point in sorted(history, key=lambda point: point.step))


def metric_of(run_id: str, name: str) -> Metric | None:
    """Return the latest value of a metric with its step, or None where there is none."""
    history = open_client().get_metric_history(run_id, name)
    return max(history, key=lambda point: point.step, default=None)


def read_json(run_id: str, artifact: str) -> dict[str, Any]:
    """Return a JSON artifact."""
    content: dict[str, Any] = json.loads(read_text(run_id, artifact))
    return content


def read_predictions(run_id: str) -> pd.DataFrame:
    """Return ``predictions.parquet`` of a final or a baseline; of a trial, of validation alone.

    Raises
    ------
    StoreError
        If the run has none, or the file is damaged.
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
    """Tell whether a run has kept a file at the top of its artifacts."""
    return artifact in {found.path for found in open_client().list_artifacts(run_id)}


def find_predictions(run_id: str) -> pd.DataFrame | None:
    """Return a run's predictions, or None where it has kept none."""
    return read_predictions(run_id) if has_artifact(run_id, Artifact.PREDICTIONS) else None


def load_trial(run_id: str) -> PatchTST:
    """Return the model of a trial or a final, with its weights, in evaluation mode.

    Raises
    ------
    StoreError
        If the run has no model, or its weights were removed.
    DataError
        If its weights belong to another architecture.
    """
    from finscale.model import load_weights  # torch: to read tables takes none

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
            todo="Take a run that has kept its weights, or train this one anew.",
        )
    with downloaded(run_id, Artifact.WEIGHTS) as path:
        return load_weights(path, Architecture(**config["architecture"]))


def _read_runs(**tags: str | None) -> pd.DataFrame:

    return read_runs(**tags)


def _damaged(run_id: str, got: str) -> StoreError:
    return StoreError(
        f"predictions of run {run_id}",
        expected=f"a Parquet file with the columns {', '.join(PREDICTION_COLUMNS)}",
        got=got,
        todo="Delete this run, then give the command that made it again.",
    )


def _distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep each fingerprint's first run, a result before a failure, a failure before neither.

    The same result is never counted twice, and a failed run does not hide the one that repeated it.
    """
    if frame.empty or "fingerprint" not in frame:
        return frame
    status = frame["status"] if "status" in frame else pd.Series(pd.NA, index=frame.index)
    rank = (~status.isin(_RESULTS)).astype(int) + status.isna()
    first = frame.assign(_rank=rank).sort_values("_rank", kind="stable")
    kept = first.drop_duplicates("fingerprint").sort_index()
    return kept.drop(columns="_rank").reset_index(drop=True)
