"""Resampling of daily bars to coarser ones: N sessions, weeks, pairs of weeks, months.

Legend: `T` sessions, `G` bars.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import TIMESCALES, DataError, Timescale, unknown

SESSIONS: dict[Timescale, int] = {"2d": 2, "3d": 3, "5d": 5}
_MERGED = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
# A Monday: weeks and pairs of weeks are counted from here.
_MONDAY = np.datetime64("1969-12-29", "D")


def resample(bars: pd.DataFrame, timescale: Timescale) -> pd.DataFrame:
    """Join validated daily bars into bars of a coarser timescale.

    ``2d``, ``3d``, ``5d``: that many consecutive sessions, counted from the first one. ``weekly``:
    weeks that end on Friday, or on Sunday if the market has sessions on weekends. ``2wk``: pairs of
    weeks, counted from the first week. ``monthly``: calendar months. ``daily`` and ``daily+multi``:
    the sessions themselves. A bar has the date of its last session. A last bar that is not yet
    complete is dropped, and a period without a session gives no bar.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        Daily bars, as `load_bars` returns them.

    Returns
    -------
    DataFrame, shape (G, 5)
        First open, highest high, lowest low, last close, sum of volumes.

    Raises
    ------
    ConfigError
        If the timescale is unknown.
    DataError
        If no bar is complete.
    """
    if timescale not in TIMESCALES:
        raise unknown("timescale", timescale, TIMESCALES)
    if timescale in ("daily", "daily+multi"):
        return bars
    group_T, is_whole = _groups(_days(bars), timescale)
    last_G = np.flatnonzero(np.append(np.diff(group_T) > 0, True))
    joined = bars.groupby(group_T).agg(_MERGED)
    joined.index = bars.index[last_G]
    whole = joined if is_whole else joined.iloc[:-1]
    if whole.empty:
        raise DataError(
            f"bars of timescale {timescale}",
            expected="at least one complete bar",
            got=f"{len(bars)} sessions",
            todo="Take a longer universe or a finer timescale.",
        )
    return whole


def _days(bars: pd.DataFrame) -> NDArray[np.datetime64]:
    return bars.index.to_numpy().astype("datetime64[D]")


def _groups(day_T: NDArray[np.datetime64], timescale: Timescale) -> tuple[NDArray[np.int64], bool]:
    """Return the bar number of each session, and whether the last bar is complete."""
    if timescale in SESSIONS:
        size = SESSIONS[timescale]
        return np.arange(len(day_T)) // size, len(day_T) % size == 0
    if timescale == "monthly":
        month_T = day_T.astype("datetime64[M]")
        following = (month_T[-1] + 1).astype("datetime64[D]")
        # A month is complete with its last weekday; the code does not know holidays.
        last_weekday = np.busday_offset(following, -1, roll="forward")
        closing = following - 1 if _trades_on_weekends(day_T) else last_weekday
        return month_T.astype(np.int64), bool(day_T[-1] >= closing)
    week_T = (day_T - _MONDAY).astype(np.int64) // 7
    n_weeks = 2 if timescale == "2wk" else 1
    number_T = (week_T - week_T[0]) // n_weeks
    final_week = week_T[0] + (number_T[-1] + 1) * n_weeks - 1
    closing = _MONDAY + 7 * final_week + (6 if _trades_on_weekends(day_T) else 4)
    return number_T, bool(day_T[-1] >= closing)


def _trades_on_weekends(day_T: NDArray[np.datetime64]) -> bool:
    return not bool(np.is_busday(day_T).all())
