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
    """Return the last day that a pooled label may see: the one before any evaluated label begins.

    Markets move together. A label of another ticker that shares days with the target's
    validation or test tells of them, so pooled labels end before the first of these begins,
    which is after the last session of the bar at which the first evaluated forecast is made.
    Exact dates, not positions: tickers differ in their sessions, and coarser bars in where they
    end.

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
    index: pd.DatetimeIndex, horizon: int, *, first_position: int, last_day: pd.Timestamp
) -> Positions:
    """Return a pooled ticker's samples whose label intervals are over on `last_day`.

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
    kept = samples[ends <= last_day.to_datetime64()]
    return kept if len(kept) >= MIN_POOLED else kept[:0]
