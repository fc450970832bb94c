"""Hyperparameter search: the space, what to try next, when to stop a trial."""

from finscale.search.address import StudyAddress, file_address, turn
from finscale.search.figures import search_pictures
from finscale.search.importance import MIN_TRIALS, importances
from finscale.search.methods import Methods
from finscale.search.shared import StudyGoneError, read_facts
from finscale.search.space import Params, SearchSpace, extremes, middle, nearest, shape_of
from finscale.search.study import Search, Standing
from finscale.search.trials import RUNNING, Claim, PastTrial, optuna_state

__all__ = [
    "MIN_TRIALS",
    "RUNNING",
    "Claim",
    "Methods",
    "Params",
    "PastTrial",
    "Search",
    "SearchSpace",
    "Standing",
    "StudyAddress",
    "StudyGoneError",
    "extremes",
    "file_address",
    "importances",
    "middle",
    "nearest",
    "optuna_state",
    "read_facts",
    "search_pictures",
    "shape_of",
    "turn",
]
