"""Pooled samples: windows of other tickers, added to the target's training samples.

Legend: `T` bars, `N` samples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finscale.dataset.folds import Fold, Positions

MIN_POOLED = 100
"""Smallest number of windows of a pooled ticker: with fewer, it contributes none."""


def pool_end(index: pd.DatetimeIndex, fold: Fold) -> pd.Timestamp:
    """Return the day before which every pooled label must end: the day of the first forecast.

    Markets move together, so a label of another ticker that overlaps the target's validation or
    test in time would leak information. These begin at the close of the first evaluated forecast,
    and another market may close later on the same day. The limit is a date, not a position, because
    tickers differ in their sessions, and coarser bars in their ends.

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
    index: pd.DatetimeIndex,
    horizon: int,
    *,
    first_position: int,
    before: pd.Timestamp,
    since: pd.Timestamp | None = None,
) -> Positions:
    """Return the samples of a pooled ticker whose label intervals end before a day.

    Parameters
    ----------
    index : DatetimeIndex, shape (T,)
        Dates of the ticker's own bars.
    first_position : int
        First position that may be a sample (see `first_position`).
    since : Timestamp, optional
        First day of a sample; None sets no limit.

    Returns
    -------
    ndarray of int64, shape (N,)
        Positions in ascending order; empty if there are fewer than `MIN_POOLED`.
    """
    samples = np.arange(first_position, len(index) - horizon, dtype=np.int64)
    ends = index.to_numpy()[samples + horizon]
    kept = samples[ends < before.to_datetime64()]
    if since is not None:
        kept = kept[index.to_numpy()[kept] >= since.to_datetime64()]
    return kept if len(kept) >= MIN_POOLED else kept[:0]
