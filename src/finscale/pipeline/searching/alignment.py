"""Optuna's study brought in line with the tracking store, and where a search then stands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from finscale.pipeline.running import Line
from finscale.pipeline.searching.context import Bench
from finscale.pipeline.searching.trials import stored_claims
from finscale.search import Claim, Standing, StudyGoneError
from finscale.tracking import Run, val_curve

Decision = TypeVar("Decision")
MANY = 50
"""Trials that take so long to read back that it has to be said."""


def stand(bench: Bench) -> Standing:
    """Make Optuna's study say what the store says; return where the search stands."""

    def aligned() -> Standing:
        _align(bench)
        return bench.search.standing()

    return in_turn(bench, aligned)


def in_turn(bench: Bench, decide: Callable[[], Decision]) -> Decision:
    """Decide within the search's turn; again, where the study was deleted in the middle of it."""
    while True:
        with suppress(StudyGoneError), bench.search.turn():
            return decide()


def align(bench: Bench) -> Standing:
    """Bring Optuna's study in line with the store where they may differ; within a turn."""
    search = bench.search
    is_current = search.is_current()
    standing = search.standing()
    running = standing.running
    if is_current and all(claim.key and run_of(bench, claim).is_open() for claim in running):
        return standing
    _align(bench)
    return search.standing()


def _align(bench: Bench) -> None:
    known = stored_claims(bench.parent, bench.template, bench.config)
    n_missing = len(known) - bench.search.n_trials()
    if n_missing >= MANY:
        text = f"reading {n_missing} trials back from the store, a few seconds for a hundred"
        bench.listen(Line(f"{bench.config.cell_name}: {text}."))
    bench.search.align(known, val_curve)


def run_of(bench: Bench, claim: Claim) -> Run:
    """Return the run that keeps a trial."""
    assert claim.key
    return Run(claim.key, bench.parent.experiment_id)
