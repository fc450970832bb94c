"""Hyperparameter search: the space, what to try next, when to stop a trial."""

from finscale.search.importance import MIN_TRIALS, importances
from finscale.search.space import Params, SearchSpace, extremes, nearest, shape_of
from finscale.search.study import PastTrial, Search, optuna_state

__all__ = [
    "MIN_TRIALS",
    "Params",
    "PastTrial",
    "Search",
    "SearchSpace",
    "extremes",
    "importances",
    "nearest",
    "optuna_state",
    "shape_of",
]
