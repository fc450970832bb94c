from .alignment import standing_of
from .context import SearchContext, facts_of, open_context
from .cost import Cost, measured_cost, most_windows
from .neighbours import other_searches
from .optimism import ensure_optimism
from .page import best_name, front_lines, write_note, write_pictures
from .setup import (
    GIB,
    Expected,
    check_memory,
    expected,
    memory_refusal,
    optuna_address,
    search_memory_bytes,
    search_space,
)
from .trials import n_stored, own_trials
from .turns import run_trials
from .worker import Order, join

__all__ = [
    "GIB",
    "Cost",
    "Expected",
    "Order",
    "SearchContext",
    "best_name",
    "check_memory",
    "ensure_optimism",
    "expected",
    "facts_of",
    "front_lines",
    "join",
    "measured_cost",
    "memory_refusal",
    "most_windows",
    "n_stored",
    "open_context",
    "optuna_address",
    "other_searches",
    "own_trials",
    "run_trials",
    "search_memory_bytes",
    "search_space",
    "standing_of",
    "write_note",
    "write_pictures",
]
