"""OHLCV bars: what a valid table is, and the digest of its values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from finscale.config import DataError
from finscale.market.rows import Rows

COLUMNS = ("open", "high", "low", "close", "volume")
MIN_ROWS = 2
# Adjusted prices are rounded column by column: a high may miss its close by one unit in the
# last place that the source printed.
ROUNDING = 1e-6
# A source may print one column in cents and another in four digits: then a high may miss an open by
# the coarser unit of the two. Where that unit is more of the price than this, it excuses nothing.
LARGEST_ROUNDING = 0.05
# Beyond, squares and sums of what indicators multiply would overflow.
LARGEST = 1e100
# Below, they would vanish.
SMALLEST = 1e-100
# Exchanges quote from about the first on; what lies outside is a unit of time misread.
FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(2200, 12, 31)


def validate_bars(
    frame: pd.DataFrame, where: str, *, positive: bool = True, rows: Rows | None = None
) -> pd.DataFrame:
    """Check a table of daily bars and bring it into the canonical form.

    An instrument of which nothing is traded may come without volumes: they are 0 then. A high or a
    low may miss its row's other prices by the coarsest unit in which they are printed.

    Parameters
    ----------
    frame : DataFrame, shape (T, at least 4)
        Columns open, high, low, close (price units), volume (units traded), in any order.
    where : str
        What the table is, for the error's line: a file, a ticker of a source.
    positive : bool
        Whether prices have to be above 0: interest rates do not.
    rows : Rows, optional
        How the source names and prints its rows.

    Returns
    -------
    DataFrame, shape (T, 5)
        float64, on a DatetimeIndex (us, no time zone) of session dates named "date".

    Raises
    ------
    DataError
        At the first thing that is wrong, with its date, column and row.
    """
    rows = rows or Rows()
    missing = [column for column in COLUMNS[:4] if column not in frame.columns]
    if missing:
        raise _without(missing, frame, where)
    if "volume" not in frame.columns or frame["volume"].isna().all():
        frame = frame.assign(volume=0.0)
    check_count(frame, where)
    _check_dates(frame.index, where, rows)
    bars = frame[list(COLUMNS)].astype(np.float64)
    bars.index = pd.DatetimeIndex(frame.index).as_unit("us").rename("date")
    look = _Look(bars, where, rows)
    _check_finite(look)
    for column in COLUMNS[: 4 if positive else 0]:
        look.refuse(bars[column] <= 0, f"{column} above 0", (column,))
    _check_sizes(look)
    look.refuse(bars["volume"] < 0, "volume of 0 or more", ("volume",))
    _check_order(look)
    return bars


def check_count(frame: pd.DataFrame, where: str) -> None:
    """Refuse a table that is no series."""
    if len(frame) < MIN_ROWS:
        raise _malformed(where, f"at least {MIN_ROWS} bars", f"{len(frame)}")


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


@dataclass(frozen=True, eq=False)
class _Look:
    """Bars that are being looked at, and how to speak of them."""

    bars: pd.DataFrame
    where: str
    rows: Rows

    def refuse(self, broken: pd.Series[bool], rule: str, columns: tuple[str, ...]) -> None:
        """Raise for the first row that breaks a rule, with its values, date and place."""
        if broken.any():
            row = int(np.flatnonzero(broken.to_numpy())[0])
            values = ", ".join(f"{name} {self.bars[name].iat[row]:.10g}" for name in columns)
            raise _malformed(self.where, rule, f"{values} {self.when(row)}")

    def when(self, row: int) -> str:
        """Return the date and the place of a row."""
        day = pd.DatetimeIndex(self.bars.index)[row].date()
        return f"on {day}{self.rows.place(row)}"


def _without(missing: list[str], frame: pd.DataFrame, where: str) -> DataError:
    there = [column for column in COLUMNS if column in frame.columns]
    got = f"no {', '.join(missing)}" + (f" beside {', '.join(there)}" if there else "")
    return DataError(
        where,
        expected=f"columns {', '.join(COLUMNS[:4])} (and volume, which may be left out)",
        got=got,
        todo="Add what is missing: an index that has closes alone repeats them as open, high, low.",
    )


def _check_dates(index: pd.Index, where: str, rows: Rows) -> None:
    if not isinstance(index, pd.DatetimeIndex):
        raise _malformed(where, "an index of session dates", f"an index of {index.dtype}")
    if index.tz is not None:
        raise _malformed(where, "session dates without a time zone", f"zone {index.tz}")
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise _malformed(where, "a date in each row", f"none in {rows.name(row)}")
    _check_days(index, where, rows)
    if (index != index.normalize()).any():
        raise _malformed(where, "dates without a time of day", _first(index, index.normalize()))
    _check_steps(index, where, rows)


def _check_steps(index: pd.DatetimeIndex, where: str, rows: Rows) -> None:
    steps = np.diff(index.to_numpy())
    zero = np.timedelta64(0, "us")
    if (steps < zero).any():
        row = int(np.flatnonzero(steps < zero)[0]) + 1
        got = f"{index[row].date()} after a later date{rows.place(row)}"
        todo = "Sort the rows by date, the oldest first."
        raise DataError(where, expected="rows in order of date", got=got, todo=todo)
    if (steps == zero).any():
        row = int(np.flatnonzero(steps == zero)[0])
        both = f" in {rows.name(row)} and {rows.name(row + 1)}" if rows.names else ""
        raise _malformed(where, "one row a date", f"{index[row].date()} twice{both}")


def _check_days(index: pd.DatetimeIndex, where: str, rows: Rows) -> None:
    # As days, which print in a year 37,600 too; by seconds, since the first nanosecond of 1677 has
    # no midnight to go back to.
    days = index.as_unit("s").to_numpy().astype("datetime64[D]")
    outside = (days < np.datetime64(FIRST_DAY)) | (days > np.datetime64(LAST_DAY))
    if outside.any():
        got = f"{days[outside][0]} in {rows.name(int(np.flatnonzero(outside)[0]))}"
        todo = "Correct the unit of the dates (s, ms, us, ns)."
        raise DataError(where, expected=f"dates from {FIRST_DAY} to {LAST_DAY}", got=got, todo=todo)


def _first(index: pd.DatetimeIndex, normal: pd.DatetimeIndex) -> str:
    return str(index[index != normal][0])


def _check_finite(look: _Look) -> None:
    values = look.bars.to_numpy()
    holes = np.argwhere(~(np.abs(values) <= LARGEST))  # NaN too
    if len(holes):
        row, column = holes[0]
        got = f"{COLUMNS[column]} {values[row, column]} {look.when(int(row))}"
        raise _malformed(look.where, f"a number, {LARGEST:g} at most", got)


def _check_sizes(look: _Look) -> None:
    for column in COLUMNS:
        size = look.bars[column].abs()
        vanishes = (size > 0.0) & (size < SMALLEST)
        look.refuse(vanishes, f"{column} of 0, or {SMALLEST:g} at least", (column,))


def _check_order(look: _Look) -> None:
    bars = look.bars
    slack = _slack(look)
    look.refuse(bars["high"] < bars["low"] - slack, "high >= low", ("high", "low"))
    inside = bars[["open", "close"]]
    below = bars["high"] < inside.max(axis=1) - slack
    look.refuse(below, "high >= open and close", ("high", "open", "close"))
    above = bars["low"] > inside.min(axis=1) + slack
    look.refuse(above, "low <= open and close", ("low", "open", "close"))


def _slack(look: _Look) -> pd.Series[float]:
    """Return by how much the prices of each row may miss their order."""
    close = look.bars["close"].abs()
    slack = close * ROUNDING
    if look.rows.decimals is None:
        return slack
    # As printed, 92.63 and 92.64 are a cent apart; as computed, a hair more.
    unit = 10.0 ** -look.rows.decimals.astype(np.float64) * (1.0 + ROUNDING)
    return slack.clip(lower=np.minimum(unit, LARGEST_ROUNDING * close))


def _malformed(where: str, expected: str, got: str) -> DataError:
    return DataError(where, expected=expected, got=got, todo="Correct the data at its source.")
