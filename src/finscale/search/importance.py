"""Importance of the hyperparameters for the validation loss of a search."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator

from finscale.search.frozen import rebuilt
from finscale.search.trials import PastTrial

# Fewest trials for a random forest: with fewer points, its importances are noise.
MIN_TRIALS = 10
SEED = 42
# Ratio of largest to smallest value from which a dimension is on a logarithmic scale.
WIDE = 10.0


def importances(trials: Sequence[PastTrial]) -> dict[str, float]:
    """Return the share of the loss's variance that each hyperparameter explains, by fANOVA.

    This is Optuna's evaluator (Hutter, Hoos & Leyton-Brown 2014, ICML) with a fixed seed. It uses
    the ranges that were tried, not those of the space; dimensions that did not vary are left out.

    Parameters
    ----------
    trials : sequence of PastTrial
        Trials of one search; only those with a loss count.

    Returns
    -------
    dict of str to float
        Shares in decreasing order, with sum 1; empty for fewer than `MIN_TRIALS` finished trials,
        or if no dimension varied.
    """
    finished = [trial for trial in trials if trial.status == "ok" and trial.loss is not None]
    if len(finished) < MIN_TRIALS or len({trial.loss for trial in finished}) < 2:
        return {}
    tried = _tried(finished)
    if not tried:
        return {}
    study = optuna.create_study()
    study.add_trials([rebuilt(trial, tried) for trial in finished])
    evaluator = FanovaImportanceEvaluator(seed=SEED)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def _tried(trials: Sequence[PastTrial]) -> dict[str, BaseDistribution]:
    """Return the range of every dimension that varied."""
    shared = set.intersection(*(set(trial.params) for trial in trials))
    values = {name: {trial.params[name] for trial in trials} for name in sorted(shared)}
    return {name: _range(seen) for name, seen in values.items() if len(seen) > 1}


def _range(seen: set[bool | float]) -> BaseDistribution:
    if all(isinstance(value, bool) for value in seen):
        return CategoricalDistribution((False, True))
    low, high = float(min(seen)), float(max(seen))
    return FloatDistribution(low, high, log=low > 0.0 and high / low >= WIDE)
