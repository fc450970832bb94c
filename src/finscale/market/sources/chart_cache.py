"""Fallback for a broken cache of yfinance, which keeps time zones and cookies in small databases.

The databases are in the user's cache folder, shared by all processes that use yfinance. One may be
damaged, locked by another process, or not writable; yfinance also works without them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from tempfile import TemporaryDirectory
from typing import TypeVar

Answer = TypeVar("Answer")


def without_broken_cache(ask: Callable[[], Answer]) -> Answer:
    """Return the result of `ask`; if yfinance's cache fails, ask again without the cache."""
    from peewee import PeeweeException

    try:
        return ask()
    except (PeeweeException, pickle.UnpicklingError, EOFError):
        _set_cache_aside()
    return ask()


def _set_cache_aside() -> None:
    """Give yfinance a new, empty cache, which is deleted when this process ends."""
    import yfinance
    from yfinance import cache as made

    yfinance.set_tz_cache_location(_own_folder().name)
    # These classes keep the databases that they have opened.
    made._TzCacheManager._tz_cache = None
    made._CookieCacheManager._Cookie_cache = None
    made._ISINCacheManager._isin_cache = None


@cache
def _own_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="yfinance-")
