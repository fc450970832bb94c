"""Conversion between the trials of a search and Optuna's trials."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from finscale.search.trials import GAP, RUNNING, PastTrial, SearchTrial

_STATES = {
    RUNNING: TrialState.RUNNING,
    GAP: TrialState.FAIL,
    "ok": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "failed": TrialState.FAIL,
}


class Attr(StrEnum):
    """Names of the user attributes of an Optuna trial."""

    PARAMS = "params"
    """Values of all dimensions, including those outside the space."""
    KEY = "key"
    """Id of the trial's run in the tracking store."""
    STATUS = "status"


def optuna_state(status: str) -> str:
    """Return Optuna's name of the state for a trial's status.

    >>> optuna_state("ok"), optuna_state("diverged")
    ('COMPLETE', 'FAIL')
    """
    return _STATES[status].name


def rebuilt(
    trial: PastTrial,
    distributions: Mapping[str, BaseDistribution],
    *,
    n_objectives: int = 1,
    key: str | None = None,
    system_attrs: dict[str, Any] | None = None,
) -> FrozenTrial:
    """Convert a past trial to an Optuna trial.

    A trial without parameters, or outside the distributions (which a new version of the space may
    have moved), is included, but Optuna does not learn from it.
    """
    attrs: dict[str, Any] = {Attr.PARAMS: trial.params, Attr.STATUS: trial.status}
    if key:
        attrs[Attr.KEY] = key
    try:
        return optuna.trial.create_trial(
            params={name: trial.params[name] for name in distributions},
            distributions=dict(distributions),
            state=_STATES[trial.status],
            values=trial.values(n_objectives),
            intermediate_values=dict(enumerate(trial.curve, start=1)),
            user_attrs=attrs,
            system_attrs=system_attrs,
        )
    except (ValueError, KeyError):
        state = TrialState.RUNNING if trial.status == RUNNING else TrialState.FAIL
        return optuna.trial.create_trial(state=state, user_attrs=attrs)


def search_trial_of(frozen: FrozenTrial) -> SearchTrial:
    """Convert an Optuna trial to a trial of the search."""
    attrs = frozen.user_attrs
    values = frozen.values if frozen.state is TrialState.COMPLETE else None
    past = PastTrial(
        params=attrs.get(Attr.PARAMS, {}),
        # The end is written in two steps; until the second step, the trial counts as running.
        status=attrs.get(Attr.STATUS, GAP) if frozen.state.is_finished() else RUNNING,
        loss=values[0] if values else None,
        curve=tuple(value for _, value in sorted(frozen.intermediate_values.items())),
        flops=values[1] if values and len(values) > 1 else None,
    )
    return SearchTrial(frozen.number, attrs.get(Attr.KEY), past)
