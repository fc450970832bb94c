"""Quality report of valid bars: oddities for a reader to judge; nothing is refused or repaired.

The size of a usual move is 1.4826 times the median absolute deviation of the log returns from their
median. For normal returns this is the standard deviation, but rare extreme days do not affect it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.market.jumps import Bools, Floats, near_ratio, outliers

N_SHOWN = 5
# Holidays from Christmas to New Year close a market for at most four weekdays.
MAX_GAP = 4
MIN_REPEATS = 5
# A source is said to repeat closes as opens while it does so in half of a quarter's sessions.
HABIT_SESSIONS, HABIT_SHARE = 60, 0.5


@dataclass(frozen=True)
class Found:
    """The count and the first few dates of one kind of oddity."""

    count: int
    dates: tuple[date, ...] = ()


@dataclass(frozen=True)
class Quality:
    """The oddities in the bars of one ticker.

    Attributes
    ----------
    rows : int
    first, last : date
        First and last session.
    gaps : Found
        More than four weekdays in a row without a session; dates of the last session before each.
    longest_gap : int
        Largest number of weekdays in a row without a session.
    zero_volume, flat : Found
        Sessions without volume; sessions whose high equals their low.
    open_is_close : Found
        Sessions that open exactly at the previous close, so that the open carries no information.
    open_is_close_until : date or None
        Last session of the last quarter in which at least half of the sessions did so.
    outliers : Found
        Sessions whose log return lies more than ten usual moves from the median.
    splits : Found
        Outliers whose open or close is near a round multiple or fraction of the previous close:
        perhaps a split that the source did not adjust for, or another unit (`find_jumps`).
    repeated_closes : Found
        Five sessions or more in a row with the same close; dates of the first session of each.
    """

    rows: int
    first: date
    last: date
    gaps: Found
    longest_gap: int
    zero_volume: Found
    flat: Found
    open_is_close: Found
    open_is_close_until: date | None
    outliers: Found
    splits: Found
    repeated_closes: Found

    @property
    def open_is_close_share(self) -> float:
        """Share of the sessions after the first that open at the previous close."""
        return self.open_is_close.count / max(self.rows - 1, 1)


def quality_report(bars: pd.DataFrame) -> Quality:
    """Count the oddities in validated bars, with the first few dates of each kind."""
    index, marks = pd.DatetimeIndex(bars.index), quality_marks(bars)
    found = {str(name): _found(marks[name].to_numpy(), index) for name in marks}
    return Quality(
        rows=len(bars),
        first=index[0].date(),
        last=index[-1].date(),
        longest_gap=int(_closed_weekdays(index).max(initial=0)),
        open_is_close_until=_last_of_habit(marks["open_is_close"].to_numpy(), index),
        **found,
    )


def quality_marks(bars: pd.DataFrame) -> pd.DataFrame:
    """Mark the odd sessions of validated bars.

    Returns
    -------
    DataFrame of bool, shape (T, 7)
        One column for each kind, named as in `Quality`, on the index of the bars.
    """
    close, volume = bars["close"].to_numpy(), bars["volume"].to_numpy()
    odd = outliers(close)
    marks = {
        "gaps": np.append(_closed_weekdays(pd.DatetimeIndex(bars.index)) > MAX_GAP, False),
        "zero_volume": volume == 0.0,
        "flat": bars["high"].to_numpy() == bars["low"].to_numpy(),
        "open_is_close": np.append(False, bars["open"].to_numpy()[1:] == close[:-1]),
        "outliers": odd,
        "splits": odd & near_ratio(bars),
        "repeated_closes": _run_starts(close),
    }
    return pd.DataFrame(marks, index=bars.index)


def quality_frame(bars: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the counts of oddities as a table with one row for each ticker."""
    return pd.DataFrame.from_dict(
        {ticker: _row(quality_report(frame)) for ticker, frame in bars.items()}, orient="index"
    ).rename_axis("ticker")


def quality_dates(bars: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the first dates of the oddities: a row for each ticker and kind that occurs.

    Returns
    -------
    DataFrame
        Columns ticker, kind, count, dates (a tuple of the first few dates).
    """
    rows = [
        (ticker, kind, found.count, found.dates)
        for ticker, frame in bars.items()
        for kind, found in vars(quality_report(frame)).items()
        if isinstance(found, Found) and found.count
    ]
    return pd.DataFrame(rows, columns=["ticker", "kind", "count", "dates"])


def _row(quality: Quality) -> dict[str, object]:
    values = vars(quality) | {"open_is_close_share": quality.open_is_close_share}
    return {
        name: value.count if isinstance(value, Found) else value for name, value in values.items()
    }


def _found(odd: Bools, index: pd.DatetimeIndex) -> Found:
    return Found(int(odd.sum()), tuple(day.date() for day in index[odd][:N_SHOWN]))


def _closed_weekdays(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Count the weekdays between each session and the next, shape (T - 1,)."""
    days = index.to_numpy().astype("datetime64[D]")
    one = np.timedelta64(1, "D")
    return np.asarray(np.busday_count(days[:-1] + one, days[1:]), dtype=np.int64)


def _last_of_habit(stale: Bools, index: pd.DatetimeIndex) -> date | None:
    share = pd.Series(stale, dtype=float).rolling(HABIT_SESSIONS).mean().to_numpy()
    habit = np.flatnonzero(share >= HABIT_SHARE)
    return index[habit[-1]].date() if len(habit) else None


def _run_starts(close: Floats) -> Bools:
    """Mark the first session of each sufficiently long run of equal closes."""
    first = np.concatenate([[True], close[1:] != close[:-1]])
    starts = np.flatnonzero(first)
    lengths = np.diff(np.append(starts, len(close)))
    odd = np.zeros(len(close), dtype=bool)
    odd[starts[lengths >= MIN_REPEATS]] = True
    return odd
