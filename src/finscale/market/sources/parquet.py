"""A folder of the user's own Parquet files, one a ticker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finscale.market.sources.table import TableFile, find_table, has_dates, table_bars


def parquet_bars(folder: Path, ticker: str) -> pd.DataFrame:
    """Read ``<folder>/<ticker>.parquet``; see `table_bars` for its columns.

    The dates may be a column, or else the index, whatever that is called.

    Raises
    ------
    DataError
        If there is no such file, it is no Parquet, or a cell is not what its column says.
    """
    path = find_table(folder, ticker, ".parquet", "Parquet")
    file = TableFile(path, lambda row: f"row {row + 1}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are these
        raise file.malformed("a Parquet file", str(error), "Write the file again.") from None
    if isinstance(table.index, pd.DatetimeIndex) and not has_dates(table):
        table.index.name = "date"
    if table.index.name is not None:
        table = table.reset_index(allow_duplicates=True)
    return table_bars(table, file)
