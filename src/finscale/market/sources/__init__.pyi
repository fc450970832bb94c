from .fetch import fetch_bars, source_name, source_sha256
from .fred import FRED, LOOK_BACK, known_dates
from .planted import planted_log_odds
from .retry import UnreachableError

__all__ = [
    "FRED",
    "LOOK_BACK",
    "UnreachableError",
    "fetch_bars",
    "known_dates",
    "planted_log_odds",
    "source_name",
    "source_sha256",
]
