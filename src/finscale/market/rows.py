"""Bars as a source gave them, with the names and the precision of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Names of the rows of a table, and the precision of their prices.

    Attributes
    ----------
    names : sequence of str
        Name of each row, such as "line 7"; empty if rows have no names.
    decimals : ndarray of int, optional
        Number of printed decimals of each row's coarsest price; None if prices were computed.
    """

    names: Sequence[str] = ()
    decimals: NDArray[np.int64] | None = None

    def name(self, row: int) -> str:
        """Return the name of a row, or its number counted from 1."""
        return self.names[row] if self.names else f"row {row + 1}"

    def place(self, row: int) -> str:
        """Return " in line 7", or an empty text if rows have no names."""
        return f" in {self.names[row]}" if self.names else ""

    def take(self, order: NDArray[np.intp]) -> Rows:
        """Return the same rows in another order."""
        names = tuple(self.names[row] for row in order) if self.names else ()
        return Rows(names, None if self.decimals is None else self.decimals[order])


@dataclass(frozen=True)
class Note:
    """A remark about a day, which is not an error."""

    day: date
    text: str


@dataclass(frozen=True, eq=False)
class Fetched:
    """A table of bars that is not yet validated.

    Attributes
    ----------
    where : str
        Name of the table in error messages: a file, or a ticker of a source.
    notes : tuple of Note
        Remarks about days of the table.
    """

    frame: pd.DataFrame
    where: str
    rows: Rows = field(default_factory=Rows)
    notes: tuple[Note, ...] = ()

    def take(self, order: NDArray[np.intp]) -> Fetched:
        """Return the same rows in another order."""
        rows = self.rows.take(order)
        return Fetched(self.frame.iloc[order], self.where, rows, self.notes)
