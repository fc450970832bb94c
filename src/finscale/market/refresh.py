"""Extension of stored bars when a universe's end has moved later.

Adjusted prices change at every dividend, and a source may correct its history. So new bars may be
appended only if the source still gives the stored history.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

State = Literal["stored", "fetched", "extended", "restated"]
Fetch = Callable[[date, date], pd.DataFrame]

# Number of stored sessions that are fetched again to see whether they are unchanged. A later
# dividend or split changes all of them.
OVERLAP = 7
# Yahoo computes adjusted prices for each answer, with about seven digits.
SAME = 1e-6


def extend_by_tail(
    stored: pd.DataFrame, start: date, end: date, fetch: Fetch
) -> tuple[pd.DataFrame, State]:
    """Fetch the missing bars with a short overlap; fetch all bars if the overlap has changed.

    Parameters
    ----------
    stored : DataFrame, shape (T, 5)
        Valid bars from `start` on.
    fetch : callable
        Returns valid bars between two dates, both included.

    Returns
    -------
    DataFrame, shape (at least T, 5)
        Bars from `start` to `end`.
    {"extended", "restated"}
        Whether the stored history still held.
    """
    tail = fetch(stored.index[-OVERLAP:][0].date(), end)
    if not still_holds(stored.iloc[-OVERLAP:], tail):
        return fetch(start, end), "restated"
    return pd.concat([stored, tail.loc[tail.index > stored.index[-1]]]), "extended"


def extend_by_whole(
    stored: pd.DataFrame, start: date, end: date, fetch: Fetch
) -> tuple[pd.DataFrame, State]:
    """Fetch all bars again, for a fast source; parameters as in `extend_by_tail`."""
    whole = fetch(start, end)
    return whole, "extended" if still_holds(stored, whole) else "restated"


def still_holds(stored: pd.DataFrame, fetched: pd.DataFrame) -> bool:
    """Tell whether `fetched` has exactly the stored sessions, with the same prices."""
    again = fetched.loc[: stored.index[-1]]
    prices = ["open", "high", "low", "close"]
    return again.index.equals(stored.index) and np.allclose(
        again[prices].to_numpy(), stored[prices].to_numpy(), rtol=SAME, atol=0.0
    )
