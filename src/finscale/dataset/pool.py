"""Windows of other tickers that a model may train on beside the target's.

Legend: `T` bars, `N` samples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finscale.dataset.folds import Fold, Positions

MIN_POOLED = 100
"""Fewest windows that a ticker is normalised on: below, it contributes none."""


def pool_end(index: pd.DatetimeIndex, fold: Fold) -> pd.Timestamp:
    """Return the day before which every pooled label must end: that of the first forecast.

    Markets move together. A label of another ticker that shares hours with the target's
    validation or test tells of them, and these begin when the session of the first evaluated
    forecast is over: another market's session of that day may end later. Dates, not positions:
    tickers differ in their sessions, and coarser bars in where they end.

    Parameters
    ----------
    index : DatetimeIndex, shape (T,)
        Dates of the target's bars.
    """
    first = min(int(part[0]) for part in (fold.validation, fold.test) if len(part))
    day = index[first]
    assert isinstance(day, pd.Timestamp)
    return day


def pooled_positions(
    index: pd.DatetimeIndex, horizon: int, *, first_position: int, before: pd.Timestamp
) -> Positions:
    """Return a pooled ticker's samples whose label intervals are over before a day.

    Parameters
    ----------
    index : DatetimeIndex, shape (T,)
        Dates of the ticker's own bars.
    first_position : int
        First position that may be a sample (see `first_position`).

    Returns
    -------
    ndarray of int64, shape (N,)
        Ascending; empty where there are fewer than `MIN_POOLED`.
    """
    samples = np.arange(first_position, len(index) - horizon, dtype=np.int64)
    ends = index.to_numpy()[samples + horizon]
    kept = samples[ends < before.to_datetime64()]
    return kept if len(kept) >= MIN_POOLED else kept[:0]
