"""The source `csv`: a folder with the user's own CSV files, one for each ticker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finscale.market.rows import Fetched
from finscale.market.sources.file import TableFile, find_table
from finscale.market.sources.layout import read_layout
from finscale.market.sources.table import table_bars


def csv_bars(folder: Path, ticker: str) -> Fetched:
    """Read ``<folder>/<ticker>.csv``; see `read_layout` for lines, `table_bars` for columns.

    Raises
    ------
    DataError
        If the file does not exist or is not CSV, or a cell does not fit its column.
    """
    path = find_table(folder, ticker, ".csv", "CSV")
    layout = read_layout(TableFile(path, lambda row: f"line {row + 1}"))
    cells = [line.cells for line in layout.lines]
    table = pd.DataFrame(cells, columns=range(len(layout.names)), dtype="str")
    file = TableFile(path, lambda row: f"line {layout.lines[row].number}")
    return table_bars(table, layout.names, file)
