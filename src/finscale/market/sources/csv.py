"""A folder of the user's own CSV files, one a ticker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finscale.market.sources.table import TableFile, find_table, table_bars

_PLAIN_FILE = "Save it as UTF-8, with commas between columns and decimal points in numbers."


def csv_bars(folder: Path, ticker: str) -> pd.DataFrame:
    """Read ``<folder>/<ticker>.csv``; see `table_bars` for its columns.

    Raises
    ------
    DataError
        If there is no such file, it is no CSV, or a cell is not what its column says.
    """
    path = find_table(folder, ticker, ".csv", "CSV")
    # The header is line 1 of the file.
    file = TableFile(path, lambda row: f"line {row + 2}")
    return table_bars(_read(file), file)


def _read(file: TableFile) -> pd.DataFrame:
    try:
        rows = pd.read_csv(
            file.path,
            dtype=str,
            # The header as a row: pandas would give a name that stands there twice another one.
            header=None,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        )
    except (pd.errors.ParserError, ValueError, OSError) as error:
        raise file.malformed("a CSV file in UTF-8", str(error), _PLAIN_FILE) from None
    if len(rows.columns) == 1:
        got = f"one column, {str(rows.iat[0, 0])!r:.60}"
        raise file.malformed("columns with commas between them", got, _PLAIN_FILE)
    header = rows.iloc[0].astype(str)
    return rows.iloc[1:].set_axis(header.to_list(), axis="columns").reset_index(drop=True)
