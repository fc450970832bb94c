"""Hyperparameter search: the space, what to try next, when to stop a trial."""

from finscale.search.space import Params, SearchSpace, extremes, nearest, shape_of
from finscale.search.study import PastTrial, Search, optuna_state

__all__ = [
    "Params",
    "PastTrial",
    "Search",
    "SearchSpace",
    "extremes",
    "nearest",
    "optuna_state",
    "shape_of",
]
