"""yfinance keeps time zones and cookies in small databases: a convenience, and to be had without.

They lie in the user's cache folder and are shared by all that use yfinance there: one may be
damaged, locked by another process, or not ours to write.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from tempfile import TemporaryDirectory
from typing import TypeVar

Answer = TypeVar("Answer")


def without_broken_cache(ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns; where yfinance's cache fails it, ask again without the cache."""
    from peewee import PeeweeException

    try:
        return ask()
    except (PeeweeException, pickle.UnpicklingError, EOFError):
        _set_cache_aside()
    return ask()


def _set_cache_aside() -> None:
    """Let yfinance begin with an empty cache, which goes when this process ends."""
    import yfinance
    from yfinance import cache as made

    yfinance.set_tz_cache_location(_own_folder().name)
    # They hold on to the databases that they have opened.
    made._TzCacheManager._tz_cache = None
    made._CookieCacheManager._Cookie_cache = None
    made._ISINCacheManager._isin_cache = None


@cache
def _own_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="yfinance-")
