"""A folder of the user's own CSV files, one a ticker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from finscale.config import DataError

_NUMBERS = ("open", "high", "low", "close", "adj close", "volume")


def csv_bars(folder: Path, ticker: str) -> pd.DataFrame:
    """Read ``<folder>/<ticker>.csv``: Date, Open, High, Low, Close, Volume in any case.

    An "Adj Close" column is used only where there is no "Close".

    Raises
    ------
    DataError
        If there is no such file, it is no CSV, or a cell is not what its column says.
    """
    path = folder / f"{ticker}.csv"
    if not path.is_file():
        raise DataError(
            str(path),
            expected="a CSV file for each ticker",
            got="no such file",
            todo="Put it there, or correct the universe's path.",
        )
    table = _read(path)
    if "date" not in table.columns:
        columns = ", ".join(table.columns)
        raise _malformed(path, "a column Date", f"columns {columns}", "Correct the header.")
    if "close" not in table.columns:
        table = table.rename(columns={"adj close": "close"})
    index = pd.DatetimeIndex(_dates(table["date"], path), name="date")
    numbers = {name: _numbers(table[name], path) for name in _NUMBERS if name in table.columns}
    return pd.DataFrame(numbers, index=index)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise _malformed(path, "a CSV file in UTF-8", str(error), "Correct the file.") from None
    return table.rename(columns=lambda name: str(name).strip().lower())


def _dates(texts: pd.Series[str], path: Path) -> pd.Series[pd.Timestamp]:
    dates = pd.to_datetime(texts, errors="coerce", format="%Y-%m-%d")
    _check(texts, dates.isna().to_numpy(), path, "a date such as 2024-01-31")
    return dates


def _numbers(texts: pd.Series[str], path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    _check(texts, np.isnan(values), path, f"a number in {texts.name}")
    return values


def _check(
    texts: pd.Series[str], bad: np.ndarray[tuple[int], np.dtype[np.bool]], path: Path, rule: str
) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        got = "nothing" if texts.isna().iat[row] else repr(texts.iat[row])
        # The header is line 1 of the file.
        raise _malformed(path, rule, f"{got} in line {row + 2}", "Correct or remove the line.")


def _malformed(path: Path, expected: str, got: str, todo: str) -> DataError:
    return DataError(str(path), expected=expected, got=got, todo=todo)
