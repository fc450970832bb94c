"""The search: forced extremes, then TPE, with a median pruner.

The Optuna study lives in memory and is rebuilt from past trials at every start: the tracking store
is the only truth, and there is no second file to lose or to disagree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from finscale.model import Architecture
from finscale.search.space import Params, SearchSpace, extremes, shape_of

optuna.logging.set_verbosity(optuna.logging.WARNING)  # studies in memory come and go

_STATES = {
    "ok": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "failed": TrialState.FAIL,
}
_DRAWS = 10


def optuna_state(status: str) -> str:
    """Return Optuna's own name of a trial's status.

    >>> optuna_state("ok"), optuna_state("diverged")
    ('COMPLETE', 'FAIL')
    """
    return _STATES[status].name


@dataclass(frozen=True)
class PastTrial:
    """A trial as the tracking store remembers it.

    Attributes
    ----------
    params : dict
        Values of every dimension, pinned ones included.
    status : str
        "ok", "pruned", "diverged" or "failed".
    loss : float or None
        Validation loss of the kept weights; None where there is none.
    curve : tuple of float
        Validation loss after each epoch.
    """

    params: Params
    status: str
    loss: float | None
    curve: tuple[float, ...] = ()


def rebuilt(trial: PastTrial, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """Make a past trial one of Optuna's again.

    Raises
    ------
    ValueError
        If it lies outside the distributions.
    """
    state = _STATES[trial.status]
    return optuna.trial.create_trial(
        params={name: trial.params[name] for name in distributions},
        distributions=distributions,
        state=state,
        value=trial.loss if state is TrialState.COMPLETE else None,
        intermediate_values=dict(enumerate(trial.curve, start=1)),
    )


class Search:
    """Proposes what to try next, and judges a running trial against the finished ones.

    Parameters
    ----------
    seed : int
        A proposal depends on this, the space and the past trials alone: an interrupted search
        goes on as it would have.
    """

    def __init__(self, space: SearchSpace, seed: int, past: Sequence[PastTrial] = ()) -> None:
        self._space = space
        self._seed = seed
        self._distributions = space.distributions()
        self._pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0)
        self._study = optuna.create_study(pruner=self._pruner)
        self._seen: list[Params] = []
        for trial in past:
            self.learn(trial)

    def propose(self, n_trials: int) -> Params | None:
        """Return the next distinct point of the space, or None when there is none left.

        Parameters
        ----------
        n_trials : int
            Trials in all: at most half of them are forced extremes.
        """
        corners = extremes(self._space.architectures)[: min(6, n_trials // 2)]
        forced = next((arch for arch in corners if not self._has_tried(arch)), None)
        for attempt in range(_DRAWS):
            params = self._space.complete(self._draw(attempt), forced)
            if params not in self._seen:
                return params
        # A small space, in which the sampler draws what it has seen.
        return next((point for point in self._space.points() if point not in self._seen), None)

    def learn(self, trial: PastTrial) -> None:
        """Add a finished trial to what proposals and pruning are based on."""
        self._seen.append(trial.params)
        try:
            frozen = rebuilt(trial, self._distributions)
        except ValueError:
            return  # an old trial, outside bounds that a new version of the space has moved
        self._study.add_trial(frozen)

    def should_prune(self, curve: Sequence[float]) -> bool:
        """Tell whether a trial with this curve is worse than the median of finished ones.

        Compares equal epochs. The caller asks only after the trial's warm-up.
        """
        running = optuna.trial.create_trial(
            state=TrialState.RUNNING, intermediate_values=dict(enumerate(curve, start=1))
        )
        return bool(self._pruner.prune(self._study, running))

    def _draw(self, attempt: int) -> Params:
        # Resuming with one seed would repeat its draws: each proposal has its own.
        seed = self._seed + len(self._seen) + 1_000_003 * attempt
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, multivariate=True)
        scratch = optuna.create_study(sampler=sampler)
        scratch.add_trials(self._study.get_trials(deepcopy=False))
        drawn: dict[str, Any] = dict(scratch.ask(self._distributions).params)
        return drawn

    def _has_tried(self, arch: Architecture) -> bool:
        return any(shape_of(arch).items() <= params.items() for params in self._seen)
