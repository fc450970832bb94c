"""Synchronisation of the Optuna study with the tracking store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from finscale.pipeline.running import Line
from finscale.pipeline.searching.context import SearchContext
from finscale.pipeline.searching.trials import stored_trials
from finscale.search import OptunaStudyGoneError, SearchTrial, Standing
from finscale.tracking import Run, val_curve

Decision = TypeVar("Decision")
MANY = 50
"""Number of trials that take so long to read back that the user is told."""


def standing_of(context: SearchContext) -> Standing:
    """Synchronise the Optuna study with the store and return the state of the search."""

    def aligned() -> Standing:
        _align(context)
        return context.search.standing()

    return in_turn(context, aligned)


def in_turn(context: SearchContext, decide: Callable[[], Decision]) -> Decision:
    """Call `decide` within the search's turn. Repeat it if the study was deleted meanwhile."""
    while True:
        with suppress(OptunaStudyGoneError), context.search.turn():
            return decide()


def align(context: SearchContext) -> Standing:
    """Synchronise the Optuna study with the store if they may differ. Call it within a turn."""
    search = context.search
    is_current = search.is_current()
    standing = search.standing()
    running = standing.running
    if is_current and all(trial.key and run_of(context, trial).is_open() for trial in running):
        return standing
    _align(context)
    return search.standing()


def _align(context: SearchContext) -> None:
    known = stored_trials(context.parent, context.template, context.config)
    n_missing = len(known) - context.search.n_trials()
    if n_missing >= MANY:
        text = f"reading {n_missing} trials back from the store, a few seconds for a hundred"
        context.listen(Line(f"{context.config.cell_name}: {text}."))
    context.search.align(known, val_curve)


def run_of(context: SearchContext, trial: SearchTrial) -> Run:
    """Return the run of a trial."""
    assert trial.key
    return Run(trial.key, context.parent.experiment_id)
