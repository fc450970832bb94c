"""Conversion of a user's own table into bars: dates, prices and volumes from its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import DataError
from finscale.market.rows import Fetched, Rows
from finscale.market.sources.adjusted import split_notes
from finscale.market.sources.dates import parse_dates
from finscale.market.sources.file import TableFile, empty_cells, show, texts_of
from finscale.market.sources.names import (
    ADJUSTED,
    DATE,
    NUMBERS,
    PRICES,
    SYMBOL,
    column_places,
    is_known,
    known_name,
)
from finscale.market.sources.numbers import parse_numbers


def table_bars(table: pd.DataFrame, written: Sequence[str], file: TableFile) -> Fetched:
    """Extract the bars of a table; the module `names` has the known names of columns.

    An adjusted close or a last price replaces a missing close; other missing prices are not
    replaced. Rows without any price (a holiday, a halt) are left out, and a table with the newest
    row first is reversed.

    Parameters
    ----------
    written : sequence of str
        Names of the table's columns.

    Raises
    ------
    DataError
        If a column occurs twice, dates are missing, rows belong to several tickers, or a cell does
        not fit its column.
    """
    columns = _columns(table, written, file)
    _check_one_ticker(columns, file)
    dates = parse_dates(columns[DATE], file)
    kept = _has_prices(columns)
    file = _of_rows(file, np.flatnonzero(kept))
    numbers = {name: columns[name][kept] for name in NUMBERS if name in columns}
    values, decimals = parse_numbers(numbers, file)
    index = pd.DatetimeIndex(dates[kept], name="date")
    rows = Rows(tuple(file.row(row) for row in range(len(index))), decimals)
    fetched = Fetched(pd.DataFrame(values, index=index), str(file.path), rows)
    order = np.arange(len(index))
    if len(index) > 1 and index.is_monotonic_decreasing and index.is_unique:
        order = order[::-1]
    fetched = fetched.take(order)
    if ADJUSTED in columns and "close" in values:
        return replace(fetched, notes=split_notes(fetched, columns[ADJUSTED][kept].iloc[order]))
    return fetched


def one_level(
    levels: Sequence[Sequence[str]], level_names: Sequence[str], file: TableFile
) -> list[str]:
    """Return one name for each column of a header with several levels, such as price and ticker.

    Raises
    ------
    DataError
        If another level tells columns apart, as for several tickers.
    """
    best = max(range(len(levels)), key=lambda at: sum(map(is_known, levels[at])))
    names = list(levels[best])
    for at, level in enumerate(levels):
        if at == best:
            continue
        of = dict.fromkeys(
            cell
            for cell, name in zip(level, names, strict=True)
            if known_name(name) in NUMBERS and cell
        )
        if len(of) > 1:
            called = f"level {show(level_names[at])}" if level_names[at] else f"level {at + 1}"
            raise several_tickers(f"{called} of the columns with {listed(list(of))}", file)
    if not any(known_name(name) == DATE for name in names):
        # The name of the date's column is on another level.
        for level in levels:
            names = [
                cell if known_name(cell) == DATE else name
                for cell, name in zip(level, names, strict=True)
            ]
    return names


def _columns(
    table: pd.DataFrame, written: Sequence[str], file: TableFile
) -> dict[str, pd.Series[Any]]:
    places = column_places(written)
    for name, found in places.items():
        if len(found) > 1:
            got = f"{listed([written[at].strip() for at in found], ' and ')}, both {name}"
            raise file.malformed("each column once", got, "Remove one of them.")
    if DATE not in places:
        there = listed([known_name(each) or "without a name" for each in written])
        raise file.malformed("a column Date", f"columns {there}", "Correct the header.")
    # Rename a column that stands in, so that messages call it by the name it is used as.
    return {name: table.iloc[:, found[0]].rename(name) for name, found in places.items()}


def _has_prices(columns: dict[str, pd.Series[Any]]) -> NDArray[np.bool]:
    """Mark the rows with any price; if there are none, mark all, so that the first is refused."""
    prices = [empty_cells(columns[name]) for name in PRICES if name in columns]
    kept = ~np.all(prices, axis=0) if prices else np.ones(len(columns[DATE]), dtype=bool)
    return kept if kept.any() else np.ones_like(kept)


def _check_one_ticker(columns: dict[str, pd.Series[Any]], file: TableFile) -> None:
    if SYMBOL in columns:
        symbols = texts_of(columns.pop(SYMBOL)).fillna("")
        if symbols.nunique() > 1:
            row = int(np.flatnonzero((symbols != symbols.iat[0]).to_numpy())[0])
            got = f"rows of {listed(symbols.unique().tolist())}, the second from {file.row(row)} on"
            raise several_tickers(got, file)


def several_tickers(got: str, file: TableFile) -> DataError:
    """Return the error about a file with more than one ticker."""
    return file.malformed("bars of one ticker", got, "Write a file for each ticker.")


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Join the first names, and say how many more there are."""
    shown = between.join(name if len(name) <= 40 else f"{name[:40]}..." for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _of_rows(file: TableFile, kept: NDArray[np.intp]) -> TableFile:
    return TableFile(file.path, lambda row: file.row(int(kept[row])))
