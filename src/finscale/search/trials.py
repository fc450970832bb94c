"""Trials of a search as the tracking store remembers them, and where the search stands."""

from __future__ import annotations

from dataclasses import dataclass

from finscale.search.space import Params

RUNNING, GAP = "running", "gap"

FIRST_LOOK = 20
"""Finished trials before which Optuna's terminator decides nothing."""


@dataclass(frozen=True)
class PastTrial:
    """A trial as the tracking store remembers it.

    Attributes
    ----------
    params : dict
        Values of every dimension, pinned ones included.
    status : str
        "ok", "pruned", "diverged" or "failed"; "running" before its end; "gap" for a number whose
        run was deleted.
    loss : float or None
        Validation loss of the kept weights; None where there is none.
    curve : tuple of float
        Validation loss after each epoch.
    flops : float or None
        Of its training; asked of those with a loss where that is a second objective.
    """

    params: Params
    status: str
    loss: float | None = None
    curve: tuple[float, ...] = ()
    flops: float | None = None

    def values(self, n_objectives: int) -> list[float] | None:
        """Return what Optuna shall minimise, where the trial has it."""
        if self.status != "ok":
            return None
        both = [self.loss, self.flops][:n_objectives]
        return [value for value in both if value is not None]


@dataclass(frozen=True)
class SearchTrial:
    """A trial of a search: its number, the run that keeps it, and what it is.

    Attributes
    ----------
    key : str or None
        Run of the tracking store; None between a proposal and its run.
    """

    number: int
    key: str | None
    past: PastTrial


@dataclass(frozen=True)
class Standing:
    """Where a search stands.

    Attributes
    ----------
    best : SearchTrial or None
        The trial with the lowest loss.
    seconds_a_trial : float or None
        Median over the trials that this study has seen from their beginning to their end.
    front : tuple of SearchTrial
        Of a search of two objectives: trials that no other beats in both, the cheapest first.
    """

    running: tuple[SearchTrial, ...]
    n_finished: int
    n_pruned: int
    n_failed: int
    n_architectures: int
    best: SearchTrial | None
    seconds_a_trial: float | None
    front: tuple[SearchTrial, ...] = ()
