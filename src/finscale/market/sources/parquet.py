"""The source `parquet`: a folder with the user's own Parquet files, one for each ticker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finscale.market.rows import Fetched
from finscale.market.sources.file import TableFile, find_table, show
from finscale.market.sources.names import DATE, column_places, known_name
from finscale.market.sources.table import listed, one_level, several_tickers, table_bars

_AGAIN = "Write the file again."


def parquet_bars(folder: Path, ticker: str) -> Fetched:
    """Read ``<folder>/<ticker>.parquet``, a file or a folder of parts; see `table_bars`.

    The dates may be a column, or else an index of any name.

    Raises
    ------
    DataError
        If the file does not exist or is not Parquet, or a cell does not fit its column.
    """
    path = find_table(folder, ticker, ".parquet", "Parquet")
    file = TableFile(path, lambda row: f"row {row + 1}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are subclasses of these
        raise file.malformed("a Parquet file", str(error), _AGAIN) from None
    if not len(table.columns):
        raise file.malformed("a Parquet file", "no columns, or a folder without parts", _AGAIN)
    names = _names(table, file)
    index = _index(table, file, has_dates=DATE in column_places(names))
    cells = [
        *index.values(),
        *(table.iloc[:, at].reset_index(drop=True) for at in range(len(names))),
    ]
    joined = pd.concat(dict(enumerate(cells)), axis="columns")
    fetched = table_bars(joined, [*index, *names], file)
    if path.is_dir():  # the parts are not in order of time
        return fetched.take(np.argsort(fetched.frame.index.to_numpy(), kind="stable"))
    return fetched


def _names(table: pd.DataFrame, file: TableFile) -> list[str]:
    columns = table.columns
    levels = [list(map(str, columns.get_level_values(at))) for at in range(columns.nlevels)]
    called = ["" if name is None else str(name) for name in columns.names]
    return one_level(levels, called, file)


def _index(table: pd.DataFrame, file: TableFile, has_dates: bool) -> dict[str, pd.Series[Any]]:
    """Return the useful levels of an index: the dates, and levels with a name.

    Raises
    ------
    DataError
        If another level than the dates tells rows apart.
    """
    levels: dict[str, pd.Series[Any]] = {}
    for at, name in enumerate(table.index.names):
        values = table.index.get_level_values(at)
        called = "" if name is None else str(name)
        if not has_dates and _holds_dates(values):
            called = "Date"
        elif table.index.nlevels > 1 and known_name(called) != DATE and values.nunique() > 1:
            level = f"level {show(called)}" if called else f"level {at + 1}"
            of = listed(list(map(str, values.unique())))
            raise several_tickers(f"{level} of the rows with {of}", file)
        if called or not pd.api.types.is_numeric_dtype(values.dtype):
            levels[called] = pd.Series(values).reset_index(drop=True)
    return levels


def _holds_dates(values: pd.Index) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype) or values.inferred_type in (
        "date",
        "datetime",
    )
