"""OHLCV bars: what a valid table is, and the digest of its values."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pandas as pd

from finscale.config import DataError

COLUMNS = ("open", "high", "low", "close", "volume")
MIN_ROWS = 2
# Adjusted prices are rounded column by column: a high may miss its close by one unit in the
# last place that the source printed.
ROUNDING = 1e-6
# Beyond, squares and sums of what indicators multiply would overflow.
LARGEST = 1e100
# Below, they would vanish.
SMALLEST = 1e-100
# Exchanges quote from about the first on; what lies outside is a unit of time misread.
FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(2200, 12, 31)


def validate_bars(frame: pd.DataFrame, where: str, *, positive: bool = True) -> pd.DataFrame:
    """Check a table of daily bars and bring it into the canonical form.

    An instrument of which nothing is traded may come without volumes: they are 0 then.

    Parameters
    ----------
    frame : DataFrame, shape (T, at least 4)
        Columns open, high, low, close (price units), volume (units traded), in any order.
    where : str
        What the table is, for the error's line: a file, a ticker of a source.
    positive : bool
        Whether prices have to be above 0: interest rates do not.

    Returns
    -------
    DataFrame, shape (T, 5)
        float64, on a DatetimeIndex (us, no time zone) of session dates named "date".

    Raises
    ------
    DataError
        At the first thing that is wrong, with its date and column.
    """
    missing = [column for column in COLUMNS[:4] if column not in frame.columns]
    if missing:
        raise _malformed(where, f"columns {', '.join(COLUMNS)}", f"no {', '.join(missing)}")
    if "volume" not in frame.columns or frame["volume"].isna().all():
        frame = frame.assign(volume=0.0)
    if len(frame) < MIN_ROWS:
        raise _malformed(where, f"at least {MIN_ROWS} bars", f"{len(frame)}")
    _check_dates(frame.index, where)
    bars = frame[list(COLUMNS)].astype(np.float64)
    bars.index = pd.DatetimeIndex(frame.index).as_unit("us").rename("date")
    _check_finite(bars, where)
    for column in COLUMNS[: 4 if positive else 0]:
        _check_rule(bars, bars[column] <= 0, where, f"{column} above 0", (column,))
    _check_sizes(bars, where)
    _check_order(bars, where)
    return bars


def bars_sha256(bars: pd.DataFrame, end: date) -> str:
    """Digest the values of validated bars up to and including `end`.

    Dates as little-endian int64 days since 1970 and prices as little-endian float64: the digest
    depends neither on the platform nor on how a file is written.
    """
    kept = bars.loc[: pd.Timestamp(end), list(COLUMNS)]
    days = kept.index.to_numpy().astype("datetime64[D]").astype("<i8")
    # Adding zero turns -0.0 into 0.0: equal values have equal digests.
    values = np.ascontiguousarray(kept.to_numpy(dtype="<f8") + 0.0)
    digest = hashlib.sha256(f"bars {' '.join(COLUMNS)} {len(kept)}\n".encode())
    digest.update(days.tobytes())
    digest.update(values.tobytes())
    return digest.hexdigest()


def _check_dates(index: pd.Index, where: str) -> None:
    if not isinstance(index, pd.DatetimeIndex):
        raise _malformed(where, "an index of session dates", f"an index of {index.dtype}")
    if index.tz is not None:
        raise _malformed(where, "session dates without a time zone", f"zone {index.tz}")
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0]) + 1
        raise _malformed(where, "a date in each row", f"none in row {row}")
    _check_days(index, where)
    if (index != index.normalize()).any():
        raise _malformed(where, "dates without a time of day", _first(index, index.normalize()))
    steps = np.diff(index.to_numpy())
    zero = np.timedelta64(0, "us")
    if (steps < zero).any():
        later = index[int(np.flatnonzero(steps < zero)[0]) + 1]
        got = f"{later.date()} after a later date"
        todo = "Sort the rows by date, the oldest first."
        raise DataError(where, expected="rows in order of date", got=got, todo=todo)
    if (steps == zero).any():
        twice = index[int(np.flatnonzero(steps == zero)[0])]
        raise _malformed(where, "one row a date", f"{twice.date()} twice")


def _check_days(index: pd.DatetimeIndex, where: str) -> None:
    # As days, which print in a year 37,600 too; by seconds, since the first nanosecond of 1677 has
    # no midnight to go back to.
    days = index.as_unit("s").to_numpy().astype("datetime64[D]")
    outside = (days < np.datetime64(FIRST_DAY)) | (days > np.datetime64(LAST_DAY))
    if outside.any():
        got = f"{days[outside][0]} in row {int(np.flatnonzero(outside)[0]) + 1}"
        todo = "Correct the unit of the dates (s, ms, us, ns)."
        raise DataError(where, expected=f"dates from {FIRST_DAY} to {LAST_DAY}", got=got, todo=todo)


def _first(index: pd.DatetimeIndex, normal: pd.DatetimeIndex) -> str:
    return str(index[index != normal][0])


def _check_finite(bars: pd.DataFrame, where: str) -> None:
    values = bars.to_numpy()
    holes = np.argwhere(~(np.abs(values) <= LARGEST))  # NaN too
    if len(holes):
        row, column = holes[0]
        got = f"{COLUMNS[column]} {values[row, column]} on {_day(bars, row)}"
        raise _malformed(where, f"a number, {LARGEST:g} at most", got)


def _check_sizes(bars: pd.DataFrame, where: str) -> None:
    for column in COLUMNS:
        size = bars[column].abs()
        vanishes = (size > 0.0) & (size < SMALLEST)
        _check_rule(bars, vanishes, where, f"{column} of 0, or {SMALLEST:g} at least", (column,))


def _check_order(bars: pd.DataFrame, where: str) -> None:
    _check_rule(bars, bars["volume"] < 0, where, "volume of 0 or more", ("volume",))
    slack = bars["close"].abs() * ROUNDING
    inside = bars[["open", "close"]]
    _check_rule(bars, bars["high"] < bars["low"] - slack, where, "high >= low", ("high", "low"))
    below = bars["high"] < inside.max(axis=1) - slack
    _check_rule(bars, below, where, "high >= open and close", ("high", "open", "close"))
    above = bars["low"] > inside.min(axis=1) + slack
    _check_rule(bars, above, where, "low <= open and close", ("low", "open", "close"))


def _check_rule(
    bars: pd.DataFrame, broken: pd.Series[bool], where: str, rule: str, columns: tuple[str, ...]
) -> None:
    if broken.any():
        row = int(np.flatnonzero(broken.to_numpy())[0])
        values = ", ".join(f"{column} {bars[column].iat[row]:.10g}" for column in columns)
        raise _malformed(where, rule, f"{values} on {_day(bars, row)}")


def _day(bars: pd.DataFrame, row: int) -> date:
    return pd.DatetimeIndex(bars.index)[row].date()


def _malformed(where: str, expected: str, got: str) -> DataError:
    return DataError(where, expected=expected, got=got, todo="Correct the data at its source.")
