"""A universe whose end has moved later: what is stored is gone on with, if it still holds.

Adjusted prices change at every dividend, and a source may correct its past: a tail may be appended
only to a history that the source still gives.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

State = Literal["stored", "fetched", "extended", "restated"]
Fetch = Callable[[date, date], pd.DataFrame]

# Sessions that are asked for again, to see whether they are still what they were. A dividend or
# a split after them changes them all.
OVERLAP = 7
# Yahoo computes adjusted prices anew for each answer, in seven digits or so.
SAME = 1e-6


def extend_by_tail(
    stored: pd.DataFrame, start: date, end: date, fetch: Fetch
) -> tuple[pd.DataFrame, State]:
    """Ask for what is missing and a few sessions more; for everything, if these have changed.

    Parameters
    ----------
    stored : DataFrame, shape (T, 5)
        Valid bars, from `start` on.
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
    """Fetch everything anew, of a source that costs little; parameters as above."""
    whole = fetch(start, end)
    return whole, "extended" if still_holds(stored, whole) else "restated"


def still_holds(stored: pd.DataFrame, fetched: pd.DataFrame) -> bool:
    """Tell whether `fetched` gives the stored sessions, and those alone, at the same prices."""
    again = fetched.loc[: stored.index[-1]]
    prices = ["open", "high", "low", "close"]
    return again.index.equals(stored.index) and np.allclose(
        again[prices].to_numpy(), stored[prices].to_numpy(), rtol=SAME, atol=0.0
    )
