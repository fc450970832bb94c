"""What is odd in valid bars: for a reader to judge, nothing is refused or repaired.

"Usual" moves are measured by the median absolute deviation of the whole series' log returns from
their median, times 1.4826: the standard deviation, were they normal. Rare wild days leave it as it
is, unlike the standard deviation itself.
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
# Christmas to New Year closes a market for four weekdays at most.
MAX_GAP = 4
MIN_REPEATS = 5
# Opens that repeat the close are a habit of a source while half of a quarter's sessions do.
HABIT_SESSIONS, HABIT_SHARE = 60, 0.5


@dataclass(frozen=True)
class Found:
    """One kind of oddity: how often, and its first few dates."""

    count: int
    dates: tuple[date, ...] = ()


@dataclass(frozen=True)
class Quality:
    """What is odd in the bars of one ticker.

    Attributes
    ----------
    rows : int
    first, last : date
        First and last session.
    gaps : Found
        More than four weekdays in a row without a session; the dates are the last before them.
    longest_gap : int
        Weekdays without a session in a row.
    zero_volume, flat : Found
        Sessions without volume; sessions whose high is their low.
    open_is_close : Found
        Sessions that open exactly at the close before, so that opens tell nothing.
    open_is_close_until : date or None
        The last session of a quarter in which at least half of them did.
    outliers : Found
        Sessions whose log return lies more than ten usual moves from the median.
    splits : Found
        Outliers that open or close at a round multiple of the close before, or that part of it:
        perhaps a split that the source did not adjust for, or another unit (`find_jumps`).
    repeated_closes : Found
        Five sessions or more in a row with one close; the dates are the first of each.
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
        """Share of the sessions, after the first, that open at the close before."""
        return self.open_is_close.count / max(self.rows - 1, 1)


def quality_report(bars: pd.DataFrame) -> Quality:
    """Count what is odd in validated bars, with the first few dates of each kind."""
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
    """Mark what is odd in validated bars.

    Returns
    -------
    DataFrame of bool, shape (T, 7)
        On the same index, by the names of `Quality`.
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
    """Return the counts of several tickers, one row each, for a table."""
    return pd.DataFrame.from_dict(
        {ticker: _row(quality_report(frame)) for ticker, frame in bars.items()}, orient="index"
    ).rename_axis("ticker")


def quality_dates(bars: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the first dates of what is odd: a row for each ticker and kind that has some.

    Returns
    -------
    DataFrame
        Columns ticker, kind, count, dates (a tuple of the first few).
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
    """Mark the first session of each run of equal closes that is long enough."""
    first = np.concatenate([[True], close[1:] != close[:-1]])
    starts = np.flatnonzero(first)
    lengths = np.diff(np.append(starts, len(close)))
    odd = np.zeros(len(close), dtype=bool)
    odd[starts[lengths >= MIN_REPEATS]] = True
    return odd
