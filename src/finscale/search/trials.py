"""Trials of a search as the tracking store records them, and the standing of the search."""

from __future__ import annotations

from dataclasses import dataclass

from finscale.search.space import Params

RUNNING, GAP = "running", "gap"

FIRST_LOOK = 20
"""Number of finished trials from which Optuna's terminator decides."""


@dataclass(frozen=True)
class PastTrial:
    """A trial as the tracking store records it.

    Attributes
    ----------
    params : dict
        Values of all dimensions, including pinned ones.
    status : str
        "ok", "pruned", "diverged" or "failed"; "running" before its end; "gap" for a number whose
        run was deleted.
    loss : float or None
        Validation loss of the kept weights, if there is one.
    curve : tuple of float
        Validation loss after each epoch.
    flops : float or None
        FLOPs of the training, needed for a trial with a loss if they are the second objective.
    """

    params: Params
    status: str
    loss: float | None = None
    curve: tuple[float, ...] = ()
    flops: float | None = None

    def values(self, n_objectives: int) -> list[float] | None:
        """Return the objective values for Optuna, or None if the trial has none."""
        if self.status != "ok":
            return None
        both = [self.loss, self.flops][:n_objectives]
        return [value for value in both if value is not None]


@dataclass(frozen=True)
class SearchTrial:
    """A trial of a search: its number, its run, and its record.

    Attributes
    ----------
    key : str or None
        Id of the run in the tracking store; None if the trial is proposed and has no run yet.
    """

    number: int
    key: str | None
    past: PastTrial


@dataclass(frozen=True)
class Standing:
    """The standing of a search: its counts and its best trials.

    Attributes
    ----------
    best : SearchTrial or None
        The trial with the lowest loss.
    seconds_a_trial : float or None
        Median duration of the trials that ran entirely within this study.
    front : tuple of SearchTrial
        Pareto front of a search with two objectives, the cheapest trial first.
    """

    running: tuple[SearchTrial, ...]
    n_finished: int
    n_pruned: int
    n_failed: int
    n_architectures: int
    best: SearchTrial | None
    seconds_a_trial: float | None
    front: tuple[SearchTrial, ...] = ()
