"""Parsing of dates in the formats of common exporters; a file's first date shows its format."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pandas as pd

from finscale.market.sources.file import TableFile, show, texts_of

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?"
_ZONE = r"(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
# A time of day is ignored: a date counts as the day that it names in its own time zone.
_TIME = rf"(?:(?:T|,?\s+){_CLOCK}\s*{_ZONE})?"
_YEAR_FIRST = rf"(?P<y>\d{{4}})([-/.])(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}}){_TIME}"
_COMPACT = r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
_YEAR_LAST = rf"(?P<a>\d{{1,2}})([-/.])(?P<b>\d{{1,2}})\2(?P<y>\d{{4}}){_TIME}"
_DAY_MONTH = rf"(?P<d>\d{{1,2}})[-\s./]*(?P<m>[A-Za-z]{{3,9}})\.?[-\s.,/]*(?P<y>\d{{4}}){_TIME}"
_MONTH_DAY = rf"(?P<m>[A-Za-z]{{3,9}})\.?\s+(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}}){_TIME}"
_EPOCH = r"(?P<n>-?\d{9,10}|-?\d{12,13}|-?\d{15,16}|-?\d{18,19})"
Unit = Literal["s", "ms", "us", "ns"]
_UNITS: dict[int, Unit] = {10: "s", 13: "ms", 16: "us", 19: "ns"}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_RULE = "a date such as 2024-01-31"
_ADVICE = "Dates are written year-month-day."
_EXCEL = "In Excel, format the column as dates, year-month-day, and export again."


def parse_dates(cells: pd.Series[Any], file: TableFile) -> pd.Series[pd.Timestamp]:
    """Parse cells as dates.

    Raises
    ------
    DataError
        If a cell is not a date, or day and month cannot be told apart.
    """
    if isinstance(cells.dtype, pd.ArrowDtype):
        cells = cells.astype(object)
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        # Keep the local day: a session in New York may end after midnight in London.
        cells = cells.dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        # By seconds: the midnight before the earliest nanosecond timestamp is not representable.
        dates: pd.Series[pd.Timestamp] = cells.dt.as_unit("s").dt.normalize()
    else:
        dates = _read(texts_of(cells).str.strip(), file)
    bad = dates.isna().to_numpy()
    is_excel = bad.any() and re.fullmatch(r"\d{5}", str(cells[bad].iat[0]))
    file.refuse(cells, bad, _RULE, _EXCEL if is_excel else _ADVICE)
    return dates


def _read(texts: pd.Series[str], file: TableFile) -> pd.Series[pd.Timestamp]:
    given = texts.dropna()
    first = str(given.iat[0]) if len(given) else ""
    if re.fullmatch(_YEAR_LAST, first):
        return _read_year_last(texts, file)
    if re.fullmatch(_EPOCH, first):
        return _read_epoch(texts, file)
    dates = _joined(texts.str.extract(f"^{_YEAR_FIRST}$"))
    for form in (_COMPACT, _DAY_MONTH, _MONTH_DAY):
        if dates[given.index].isna().any():  # these formats are unambiguous and may be mixed
            dates = dates.fillna(_joined(texts.str.extract(f"^{form}$")))
    return dates


def _read_year_last(texts: pd.Series[str], file: TableFile) -> pd.Series[pd.Timestamp]:
    """Read dates with the year last; numbers above 12 show which of the other two is the day."""
    parts = texts.str.extract(f"^{_YEAR_LAST}$")
    days = [pd.to_numeric(parts[name]).to_numpy(np.float64, na_value=0) > 12 for name in "ab"]
    with_points = parts[1].eq(".").any()  # nobody writes 12.31.2024
    if days[0].any() == days[1].any() and (days[0].any() or not with_points):
        at = [int(np.flatnonzero(each)[0]) for each in days if each.any()] or [0]
        got = " and ".join(f"{show(texts.iat[row])} in {file.row(row)}" for row in at)
        raise file.malformed("dates whose day and month can be told apart", got, _ADVICE)
    day, month = ("b", "a") if days[1].any() else ("a", "b")
    return _joined(parts.rename(columns={day: "d", month: "m"}))


def _joined(parts: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    month = (
        parts["m"]
        .str.lower()
        .str[:3]
        .replace({name: f"{number:02}" for number, name in enumerate(_MONTHS, 1)})
    )
    days = parts["y"] + "-" + month.str.zfill(2) + "-" + parts["d"].str.zfill(2)
    return pd.to_datetime(days, errors="coerce", format="%Y-%m-%d")


def _read_epoch(texts: pd.Series[str], file: TableFile) -> pd.Series[pd.Timestamp]:
    """Read counts since 1970 that are midnights in UTC; at other times the day is not certain."""
    size = max(texts.str.lstrip("-").str.len().max(), 10)
    unit: Unit = _UNITS[next(digits for digits in _UNITS if size <= digits)]
    # Nullable integers, because floats cannot represent nanoseconds exactly.
    counts = pd.to_numeric(texts.where(texts.str.fullmatch(_EPOCH)), dtype_backend="numpy_nullable")
    dates: pd.Series[pd.Timestamp] = pd.to_datetime(counts, errors="coerce", unit=unit)
    off = (dates != dates.dt.normalize()) & dates.notna()
    rule = f"counts of {unit} since 1970 that are midnights in UTC"
    todo = f"The day of another hour depends on an unknown time zone. {_ADVICE}"
    file.refuse(texts, off.to_numpy(), rule, todo)
    return dates
