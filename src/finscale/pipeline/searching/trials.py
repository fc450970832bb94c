"""Trials of a search as read from the tracking store: finished, failed and interrupted ones."""

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
    """A trial to train: a new one, or one whose process stopped.

    Attributes
    ----------
    attempts : int
        Number of starts since its last new checkpoint, without those that the user stopped. A
        trial that repeatedly kills its process is given up.
    curve : tuple of float
        Its validation losses so far, in nats.
    """

    number: int
    run: Run
    recipe: Recipe
    attempts: int
    curve: tuple[float, ...] = ()


def n_stored(cell: str, identity: str) -> int:
    """Return the number of finished trials of a search in the store; 0 without a search."""
    frame = own_trials(cell, identity)
    return 0 if frame is None else int(frame["status"].isin(COUNTED).sum())


def own_trials(cell: str, identity: str) -> pd.DataFrame | None:
    """Return the trials of one search, the best first, or None if there is no such search."""
    stored = searches(cell)
    mine = stored[stored["fingerprint"] == identity]
    return None if mine.empty else trials(parent=mine.iloc[0]["run_id"])


def stored_trials(parent: Run, template: Architecture, config: SearchConfig) -> list[SearchTrial]:
    """Return every trial of a search from the tracking store, which is the source of truth."""
    frame = trials(parent=parent.run_id)
    if frame.empty:
        return []
    numbers = frame["trial_number"].astype(int)
    ordered = frame.assign(number=numbers).sort_values(["number", "start_time"])
    # A number stands twice if a deleted run is restored after its number was given away.
    distinct = ordered.drop_duplicates("number")
    return [_search_trial(row, template, config) for row in rows(distinct)]


def _search_trial(
    row: Mapping[str, Any], template: Architecture, config: SearchConfig
) -> SearchTrial:
    """Convert the row of a run. Its params are missing if its process died before logging them."""
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
    """Return the name of a trial's run, such as ``t007 19.6M d320×16 h8``."""
    return f"t{number:03d} {architecture_name(arch)}"
