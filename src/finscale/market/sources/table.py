"""A user's own table: columns found by lenient names, and what is wrong said by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import DataError, check_ticker, file_stem

_DATES = ("date", "datetime", "timestamp")
_NUMBERS = ("open", "high", "low", "close", "volume")
_SPELLINGS = dict.fromkeys(_DATES, "date") | {
    "adjclose": "adj close",
    "adjustedclose": "adj close",
    "vol": "volume",
}
_TIME = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
_ISO = rf"\s*(\d{{4}}-\d{{2}}-\d{{2}})(?:{_TIME})?\s*"
_COMPACT = r"\s*(\d{4})(\d{2})(\d{2})\s*"
_PLAIN_DATES = "Dates are written year-month-day."
_PLAIN_NUMBERS = "Numbers are written 1234.5: a decimal point, and nothing between thousands."


@dataclass(frozen=True)
class TableFile:
    """Where a table came from, for the lines about what is wrong in it.

    Attributes
    ----------
    path : Path
    row : callable
        Says which row of the file a row of the table is: "line 2", "row 1".
    """

    path: Path
    row: Callable[[int], str]

    def malformed(self, expected: str, got: str, todo: str) -> DataError:
        """Return the error of this file."""
        return DataError(str(self.path), expected=expected, got=got, todo=todo)


def find_table(folder: Path, ticker: str, suffix: str, kind: str) -> Path:
    """Return the ticker's file; the ^ of an index may be left out of its name.

    Raises
    ------
    ConfigError
        If the ticker cannot be a file's name.
    DataError
        If there is no such file.
    """
    check_ticker(ticker, f"ticker of source {kind.lower()}")
    names = dict.fromkeys((f"{ticker}{suffix}", f"{file_stem(ticker)}{suffix}"))
    got = "no such file"
    try:
        folder = folder.expanduser()
        for name in names:
            if (folder / name).is_file():
                return folder / name
    except (OSError, RuntimeError) as error:  # no such home, a name too long, no permission
        got = str(error)
    raise DataError(
        str(folder / f"{ticker}{suffix}"),
        expected=f"a {kind} file for each ticker",
        got=got,
        todo="Put it there, or correct the universe's path.",
    )


def table_bars(table: pd.DataFrame, file: TableFile) -> pd.DataFrame:
    """Take dates and numbers out of a table: Date, Open, High, Low, Close, Volume in any case.

    Date may be called Datetime or Timestamp, Volume Vol; an adjusted close is used only where
    there is no close. A date with a time of day and a zone counts as the day it names there.

    Raises
    ------
    DataError
        If a column stands there twice, there are no dates, or a cell is not what its column says.
    """
    table = _renamed(table, file)
    if "date" not in table.columns:
        columns = ", ".join(map(str, table.columns))
        raise file.malformed("a column Date", f"columns {columns}", "Correct the header.")
    if "close" not in table.columns:
        table = table.rename(columns={"adj close": "close"})
    index = pd.DatetimeIndex(_dates(table["date"], file), name="date")
    found = {name: _numbers(table[name], file) for name in _NUMBERS if name in table.columns}
    return pd.DataFrame(found, index=index)


def has_dates(table: pd.DataFrame) -> bool:
    """Tell whether a column, and not only the index, is called like dates."""
    return any(_plain_name(str(name)) == "date" for name in table.columns)


def _renamed(table: pd.DataFrame, file: TableFile) -> pd.DataFrame:
    names = [_plain_name(str(name)) for name in table.columns]
    twice = [name for name in ("date", "adj close", *_NUMBERS) if names.count(name) > 1]
    if twice:
        both = [str(c) for c, name in zip(table.columns, names, strict=True) if name == twice[0]]
        got = f"{' and '.join(both)}, both {twice[0]}"
        raise file.malformed("each column once", got, "Remove one of them.")
    return table.set_axis(names, axis="columns")


def _plain_name(name: str) -> str:
    """Return the usual spelling of a column's name; a name that means nothing here stays."""
    plain = "".join(filter(str.isalnum, name.lower()))
    return _SPELLINGS.get(plain, plain if plain in _NUMBERS else name.strip().lower())


def _dates(cells: pd.Series[Any], file: TableFile) -> pd.Series[pd.Timestamp]:
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        # The day that it was there: in New York a session does not end at midnight in London.
        cells = cells.dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        # By seconds: the first nanosecond of 1677 has no midnight to go back to.
        dates: pd.Series[pd.Timestamp] = cells.dt.as_unit("s").dt.normalize()
    else:
        texts = _texts(cells)
        days = texts.str.replace(f"^{_COMPACT}$", r"\1-\2-\3", regex=True)
        days = days.str.extract(f"^{_ISO}$", expand=False)
        dates = pd.to_datetime(days, errors="coerce", format="%Y-%m-%d")
    _check(cells, dates.isna().to_numpy(), file, "a date such as 2024-01-31", _PLAIN_DATES)
    return dates


def _numbers(cells: pd.Series[Any], file: TableFile) -> NDArray[np.float64]:
    if cells.name == "volume" and cells.isna().all():
        return np.zeros(len(cells))  # an index of which nothing is traded
    plain = cells if pd.api.types.is_numeric_dtype(cells.dtype) else _texts(cells)
    values = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    _check(cells, np.isnan(values), file, f"a number in {cells.name}", _PLAIN_NUMBERS)
    return np.asarray(values)


def _texts(cells: pd.Series[Any]) -> pd.Series[str]:
    """Spell out cells of any kind (decimals, dates, text); what is missing stays so."""
    texts: pd.Series[str] = cells.map(str, na_action="ignore").astype("str")
    return texts


def _check(
    cells: pd.Series[Any], bad: NDArray[np.bool], file: TableFile, rule: str, plain: str
) -> None:
    """Refuse bad cells: the first is shown, and how many more there are."""
    if bad.any():
        row, n_more = int(np.flatnonzero(bad)[0]), int(bad.sum()) - 1
        is_empty = bool(cells.isna().iat[row])
        line = file.row(row)
        got = f"{'nothing' if is_empty else repr(str(cells.iat[row]))} in {line}"
        word = line.split()[0]
        # Hundreds alike are no slips: the file is written another way.
        todo = (
            f"Correct or remove the {word}." if n_more == 0 else f"Correct or remove the {word}s."
        )
        raise file.malformed(
            rule,
            got + (f", and {n_more} more" if n_more else ""),
            todo if is_empty else f"{plain} {todo}",
        )
