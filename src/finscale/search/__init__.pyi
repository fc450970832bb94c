from .address import OptunaAddress, OptunaStudyGoneError, file_address, turn
from .figures import search_pictures
from .frozen import optuna_state
from .importance import MIN_TRIALS, importances
from .methods import Methods
from .search import Search
from .shared import read_facts
from .space import Params, SearchSpace, extremes, middle, nearest, shape_of
from .trials import FIRST_LOOK, RUNNING, PastTrial, SearchTrial, Standing

__all__ = [
    "FIRST_LOOK",
    "MIN_TRIALS",
    "RUNNING",
    "Methods",
    "OptunaAddress",
    "OptunaStudyGoneError",
    "Params",
    "PastTrial",
    "Search",
    "SearchSpace",
    "SearchTrial",
    "Standing",
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
