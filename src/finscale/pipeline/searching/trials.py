"""The trials of a search, read back from the tracking store: finished, failed, interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finscale.config import COUNTED, SearchConfig
from finscale.model import Architecture
from finscale.pipeline.problem import Recipe, architecture_name, from_params, rows
from finscale.search import RUNNING, PastTrial, SearchTrial
from finscale.tracking import TRAIN_FLOPS, VAL_LOSS, Run, Status, searches, trials


@dataclass(frozen=True)
class OpenTrial:
    """A trial that is to be trained: a new one, or one whose process stopped.

    Attributes
    ----------
    attempts : int
        Starts since its last new checkpoint, those that no user stopped: a trial that kills its
        process again and again is given up.
    curve : tuple of float
        Its validation losses so far.
    """

    number: int
    run: Run
    recipe: Recipe
    attempts: int
    curve: tuple[float, ...] = ()


def n_stored(cell: str, identity: str) -> int:
    """Count the finished trials that the store has of a search; it may have none yet."""
    frame = own_trials(cell, identity)
    return 0 if frame is None else int(frame["status"].isin(COUNTED).sum())


def own_trials(cell: str, identity: str) -> pd.DataFrame | None:
    """Return the trials of one search, the best first; None where there is no such search."""
    stored = searches(cell)
    mine = stored[stored["fingerprint"] == identity]
    return None if mine.empty else trials(parent=mine.iloc[0]["run_id"])


def stored_trials(parent: Run, template: Architecture, config: SearchConfig) -> list[SearchTrial]:
    """Return every trial of a search as the store has it: the store is the only truth."""
    frame = trials(parent=parent.run_id)
    if frame.empty:
        return []
    numbers = frame["trial_number"].astype(int)
    ordered = frame.assign(number=numbers).sort_values(["number", "start_time"])
    distinct = ordered.drop_duplicates("number")  # a deleted run, restored after its number was
    return [_search_trial(row, template, config) for row in rows(distinct)]  # given to another


def _search_trial(
    row: Mapping[str, Any], template: Architecture, config: SearchConfig
) -> SearchTrial:
    """Read one run; a process that died before it had logged the params left none."""
    known = _has(row, "epochs")
    status = str(row["status"]) if _has(row, "status") else RUNNING
    ok = status == Status.OK
    trial = PastTrial(
        params=from_params(row, template, config).search_params() if known else {},
        status=status,
        loss=float(row[VAL_LOSS]) if ok else None,
        flops=float(row[TRAIN_FLOPS]) if ok else None,
    )
    return SearchTrial(int(row["number"]), str(row["run_id"]), trial)


def _has(row: Mapping[str, Any], column: str) -> bool:
    return column in row and not pd.isna(row[column])


def trial_name(number: int, arch: Architecture) -> str:
    """Name a trial so that the list of runs reads: ``t007 19.6M d320×16 h8``."""
    return f"t{number:03d} {architecture_name(arch)}"
