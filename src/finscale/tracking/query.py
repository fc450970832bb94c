"""Queries of runs as tidy frames, one row per run, with numeric quantities.

A frame has its columns even if no run is found, so its readers need no special case.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from mlflow.entities import Run as StoredRun

from finscale.config import ARCHITECTURE_AXES, COUNTED, TRAINING_AXES
from finscale.tracking.choices import Choice, choices_of_study, finals_of, latest_choices
from finscale.tracking.frames import COORDINATES, HEAD, read_runs
from finscale.tracking.names import N_PARAMS, VAL_LOSS, Kind, Status, Tag
from finscale.tracking.runs import search, where

_TAGS = ("kind", "problem", "cell", "fingerprint", "status", "reason", "parent", "study")
_SCORES = (VAL_LOSS, "val_loss_ref", "val_skill", N_PARAMS)
_RECIPE = (*ARCHITECTURE_AXES, *TRAINING_AXES, "epochs")
_MODEL = (*HEAD, *_TAGS, *COORDINATES, *_RECIPE, *_SCORES, "collapsed", "best_epoch")
_COLUMNS = {
    Kind.TRIAL: (*_MODEL, "trial_number"),
    Kind.FINAL: (*_MODEL, "configuration", "selected", "train_loss"),
    Kind.BASELINE: (*HEAD, *_TAGS, *COORDINATES, *_SCORES, "baseline", "configuration"),
    Kind.HPO: (*HEAD, *_TAGS, "targets", "completed"),
}
"""Columns that a frame of a kind always has."""
_CELL = ("problem", "cell", "configuration", "budget", N_PARAMS, "n_seeds", VAL_LOSS, "train_loss")


def trials(
    *,
    problem: str | None = None,
    cell: str | None = None,
    parent: str | None = None,
    study: str | None = None,
) -> pd.DataFrame:
    """Return trials, the best first and those without a loss last.

    Parameters
    ----------
    problem, cell : str, optional
        Tags ``finscale.problem`` and ``finscale.cell``.
    parent : str, optional
        Run id of the search.
    study : str, optional
        Name of a study: the trials of its cells' searches, even if another study ran them.

    Examples
    --------
    >>> from finscale.tracking import trials
    >>> found = trials(cell="sp500.threshold_1pct.h1.daily.a20.2M")
    >>> found["val_loss"].is_monotonic_increasing  # the best first
    True
    """
    frame = _read(Kind.TRIAL, study, PROBLEM=problem, CELL=cell, PARENT=parent)
    return frame.sort_values(VAL_LOSS, ignore_index=True, kind="stable")


def finals(
    *,
    problem: str | None = None,
    cell: str | None = None,
    parent: str | None = None,
    study: str | None = None,
) -> pd.DataFrame:
    """Return finals, each fingerprint once (its first run), in the order of their creation.

    For a cell or a study, these are the finals that it uses, under its own names: some may have
    been trained for another cell whose budget they fit too. Otherwise, the column ``cell`` names
    the cell that trained a final.

    Parameters
    ----------
    problem, cell : str, optional
        Tags ``finscale.problem`` and ``finscale.cell``.
    parent : str, optional
        Run id of the `train` parent.
    study : str, optional
        Name of a study.

    Examples
    --------
    >>> from finscale.tracking import finals
    >>> found = finals(cell="sp500.threshold_1pct.h1.daily.a20.2M")
    >>> found["status"].unique().tolist()
    ['ok']
    """
    if cell is None and study is None:
        return _distinct(_read(Kind.FINAL, PROBLEM=problem, PARENT=parent))
    if study is not None:
        chosen = [c for c in choices_of_study(study) if cell in (None, c.cell)]
        own = _read(Kind.FINAL, study, PROBLEM=problem, CELL=cell, PARENT=parent)
        own = own[own["cell"].isin(_cells_of_study(study))]
    else:
        # A cell has finals of its own problem only.
        problem = problem or str(cell).rpartition(".")[0]
        chosen = latest_choices(problem, cell)
        own = _read(Kind.FINAL, PROBLEM=problem, CELL=cell, PARENT=parent)
    stored = _distinct(_read(Kind.FINAL, PROBLEM=problem, PARENT=parent))
    rows = pd.concat([*(finals_of(choice, stored) for choice in chosen), _distinct(own)])
    named = rows.drop_duplicates(["cell", "fingerprint"]).sort_values("start_time", kind="stable")
    return named[own.columns].reset_index(drop=True)


def baselines(problem: str) -> pd.DataFrame:
    """Return the finished baselines of a problem, each fingerprint once.

    Examples
    --------
    >>> from finscale.tracking import baselines
    >>> sorted(baselines("sp500.threshold_1pct.h1.daily.a20")["baseline"])
    ['boosting', 'logistic', 'mlp', 'prior', 'reference']
    """
    return _distinct(_read(Kind.BASELINE, PROBLEM=problem, STATUS=Status.OK))


def searches(cell: str) -> pd.DataFrame:
    """Return the searches of a cell."""
    return _read(Kind.HPO, CELL=cell)


def cells(problem: str | None = None, *, study: str | None = None) -> pd.DataFrame:
    """Return one row per cell: size, seeds and mean losses of its best chosen configuration.

    Parameters
    ----------
    problem : str, optional
        Tag ``finscale.problem``.
    study : str, optional
        Name of a study: only its cells, with the study's choices.

    Examples
    --------
    >>> from finscale.tracking import cells
    >>> found = cells("sp500.threshold_1pct.h1.daily.a20")
    >>> {"budget", "n_params", "n_seeds", "val_loss"} <= set(found.columns)
    True
    """
    choices = latest_choices(problem) if study is None else choices_of_study(study)
    return _cells_of(choices, finals(problem=problem))


def _cells_of(choices: Iterable[Choice], stored: pd.DataFrame) -> pd.DataFrame:
    mine = [finals_of(choice, stored) for choice in choices]
    frame = pd.concat(mine) if mine else stored.assign(is_chosen=False)
    chosen = frame[frame["is_chosen"] & (frame["status"] == Status.OK)]
    if chosen.empty:
        return pd.DataFrame(columns=list(_CELL))
    # Several searches of a cell have each chosen a configuration; their losses are not averaged.
    grouped = chosen.groupby(["problem", "cell", "configuration"], as_index=False).agg(
        budget=("budget", "first"),
        n_params=(N_PARAMS, "first"),
        n_seeds=("run_id", "nunique"),
        val_loss=(VAL_LOSS, "mean"),
        train_loss=("train_loss", "mean"),
    )
    best = grouped.sort_values(VAL_LOSS).drop_duplicates(["problem", "cell"])
    return best.sort_values(N_PARAMS, ignore_index=True)


def _cells_of_study(study: str) -> set[str]:
    return set(_read(Kind.TRAIN, study).get("cell", ()))


def find_result(kind: Kind, fingerprint: str) -> StoredRun | None:
    """Return the run that already holds this result with status ok, pruned or diverged."""
    for run in search(where(KIND=kind, FINGERPRINT=fingerprint)):
        if run.data.tags.get(Tag.STATUS) in COUNTED:
            return run
    return None


def _read(kind: Kind, study: str | None = None, **tags: str | None) -> pd.DataFrame:
    """Return the runs of a kind with the columns of that kind."""
    frame = read_runs(study, KIND=kind, **tags)
    wanted = _COLUMNS.get(kind, HEAD)
    if frame.empty:
        return pd.DataFrame(columns=list(wanted))
    return frame.assign(**{name: float("nan") for name in wanted if name not in frame})


def _distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one run per fingerprint: the first with a result, else the first that failed, else any.

    So no result counts twice, and a failed run does not hide the one that repeated it.
    """
    rank = (~frame["status"].isin(COUNTED)).astype(int) + frame["status"].isna()
    first = frame.assign(_rank=rank).sort_values("_rank", kind="stable")
    kept = first.drop_duplicates("fingerprint").sort_index()
    return kept.drop(columns="_rank").reset_index(drop=True)
