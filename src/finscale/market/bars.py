"""Validation of OHLCV bars, and the digest of their values."""

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
# Adjusted prices are rounded column by column, so a high may lie below its close by one unit of the
# last printed digit.
ROUNDING = 1e-6
# A source may print one column in cents and another with four digits: then a high may lie below an
# open by the coarser unit. The tolerance is never more than this share of the price.
LARGEST_ROUNDING = 0.05
# Larger values would overflow in the products and sums of indicators.
LARGEST = 1e100
# Smaller values would underflow to zero there.
SMALLEST = 1e-100
# Records of prices begin around 1700; a date outside this range is a misread unit of time.
FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(2200, 12, 31)


def validate_bars(
    frame: pd.DataFrame, where: str, *, positive: bool = True, rows: Rows | None = None
) -> pd.DataFrame:
    """Check a table of daily bars and convert it to the canonical form.

    Missing volumes become 0, as for an index that is not traded. A high may lie below the row's
    other prices, and a low above them, by the coarsest unit in which the prices are printed.

    Parameters
    ----------
    frame : DataFrame, shape (T, at least 4)
        Columns open, high, low, close (price units), volume (units traded), in any order.
    where : str
        Name of the table in error messages: a file, or a ticker of a source.
    positive : bool
        Whether prices must be above 0; values of macro series need not be.
    rows : Rows, optional
        Names of the rows in the source, and the precision of their prices.

    Returns
    -------
    DataFrame, shape (T, 5)
        float64, on a DatetimeIndex (us, no time zone) of session dates named "date".

    Raises
    ------
    DataError
        If the table is invalid; the message gives date, column and row of the first fault.
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
    """Refuse a table with too few rows."""
    if len(frame) < MIN_ROWS:
        raise _malformed(where, f"at least {MIN_ROWS} bars", f"{len(frame)}")


def bars_sha256(bars: pd.DataFrame, end: date) -> str:
    """Digest the values of validated bars up to and including `end`.

    Dates enter as little-endian int64 days since 1970 and values as little-endian float64, so the
    digest depends neither on the platform nor on the format of a file.
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
    """Bars under validation, with their name and the names of their rows for messages."""

    bars: pd.DataFrame
    where: str
    rows: Rows

    def refuse(self, broken: pd.Series[bool], rule: str, columns: tuple[str, ...]) -> None:
        """Raise an error for the first row that breaks a rule, with values, date and place."""
        if broken.any():
            row = int(np.flatnonzero(broken.to_numpy())[0])
            values = ", ".join(f"{name} {self.bars[name].iat[row]:.10g}" for name in columns)
            raise _malformed(self.where, rule, f"{values} {self.when(row)}")

    def when(self, row: int) -> str:
        """Return the date and the place of a row, in words."""
        day = pd.DatetimeIndex(self.bars.index)[row].date()
        return f"on {day}{self.rows.place(row)}"


def _without(missing: list[str], frame: pd.DataFrame, where: str) -> DataError:
    there = [column for column in COLUMNS if column in frame.columns]
    got = f"no {', '.join(missing)}" + (f" beside {', '.join(there)}" if there else "")
    return DataError(
        where,
        expected=f"columns {', '.join(COLUMNS[:4])} (and volume, which may be left out)",
        got=got,
        todo="Add what is missing: for an index with closes only, repeat them as open, high, low.",
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
        raise _malformed(where, "one row per date", f"{index[row].date()} twice{both}")


def _check_days(index: pd.DatetimeIndex, where: str, rows: Rows) -> None:
    # datetime64[D] can print even the year 37,600. The conversion goes by seconds, because the
    # midnight before the earliest nanosecond timestamp (1677) is not representable.
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
    """Return the tolerance with which the order of each row's prices is checked."""
    close = look.bars["close"].abs()
    slack = close * ROUNDING
    if look.rows.decimals is None:
        return slack
    # 92.64 - 92.63 is slightly more than a cent in floats.
    unit = 10.0 ** -look.rows.decimals.astype(np.float64) * (1.0 + ROUNDING)
    return slack.clip(lower=np.minimum(unit, LARGEST_ROUNDING * close))


def _malformed(where: str, expected: str, got: str) -> DataError:
    return DataError(where, expected=expected, got=got, todo="Correct the data at its source.")
