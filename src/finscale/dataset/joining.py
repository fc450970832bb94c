"""Joining of another series to the sessions of a ticker, without looking ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finscale.config import DataError

# Largest age of a value in sessions: if it is older than a week, values are missing.
MAX_AGE = 5


def join_known(other: pd.DataFrame, index: pd.DatetimeIndex) -> pd.DataFrame:
    """Return, for each session, the last row of `other` up to its date; NaN before the first."""
    at = other.index.searchsorted(index, side="right") - 1
    rows = other.to_numpy(dtype=np.float64)[np.maximum(at, 0)]
    rows[at < 0] = np.nan
    return pd.DataFrame(rows, index=index, columns=other.columns)


def check_overlap(
    other: pd.DataFrame, index: pd.DatetimeIndex, what: str, max_age: int = MAX_AGE
) -> None:
    """Refuse a series that does not cover the sessions to which it is joined.

    Raises
    ------
    DataError
        If it begins after the first session, or at some session its latest value is older than
        `max_age` sessions.
    """
    at = other.index.searchsorted(index, side="right") - 1
    if at[0] < 0:
        raise _uncovered(other, index, what, f"nothing at {index[0]:%Y-%m-%d}", max_age)
    since = index.searchsorted(other.index[at], side="left")
    old = np.flatnonzero(np.arange(len(index)) - since > max_age)
    if len(old):
        raise _uncovered(other, index, what, f"nothing new by {index[old[0]]:%Y-%m-%d}", max_age)


def _uncovered(
    other: pd.DataFrame, index: pd.DatetimeIndex, what: str, missing: str, max_age: int
) -> DataError:
    return DataError(
        what,
        expected=f"values from {index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}, "
        f"none older than {max_age} sessions",
        got=f"{other.index[0]:%Y-%m-%d} to {other.index[-1]:%Y-%m-%d}, {missing}",
        todo="Use a universe whose dates it covers, or omit the series.",
    )
