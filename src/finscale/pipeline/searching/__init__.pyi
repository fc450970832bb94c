from .alignment import stand
from .context import SearchContext, facts_of, open_context
from .cost import Cost, measured_cost
from .neighbours import other_searches
from .optimism import ensure_optimism
from .page import best_name, front_lines, write_note, write_pictures
from .plan import GIB, check_memory, expected_time, memory_refusal, search_space, study_address
from .trials import n_stored, own_trials
from .turns import work
from .worker import Order, join

__all__ = [
    "GIB",
    "Cost",
    "Order",
    "SearchContext",
    "best_name",
    "check_memory",
    "ensure_optimism",
    "expected_time",
    "facts_of",
    "front_lines",
    "join",
    "measured_cost",
    "memory_refusal",
    "n_stored",
    "open_context",
    "other_searches",
    "own_trials",
    "search_space",
    "stand",
    "study_address",
    "work",
    "write_note",
    "write_pictures",
]
