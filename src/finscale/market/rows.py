"""What a source gave, and how it names and prints the rows of its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """How the rows of a table are called, and how precisely they are printed.

    Attributes
    ----------
    names : sequence of str
        Of every row: "line 7"; empty where rows have no names.
    decimals : ndarray of int, optional
        Digits after the point of each row's coarsest price, as it is printed; none where prices
        were computed.
    """

    names: Sequence[str] = ()
    decimals: NDArray[np.int64] | None = None

    def name(self, row: int) -> str:
        """Return the name of a row, or its number from 1."""
        return self.names[row] if self.names else f"row {row + 1}"

    def place(self, row: int) -> str:
        """Return " in line 7", or nothing where rows have no names."""
        return f" in {self.names[row]}" if self.names else ""

    def take(self, order: NDArray[np.intp]) -> Rows:
        """Return the same rows in another order."""
        names = tuple(self.names[row] for row in order) if self.names else ()
        return Rows(names, None if self.decimals is None else self.decimals[order])


@dataclass(frozen=True)
class Note:
    """Something to say of a day, which is no error."""

    day: date
    text: str


@dataclass(frozen=True, eq=False)
class Fetched:
    """A table that nobody has looked at yet.

    Attributes
    ----------
    where : str
        What the table is, for the line about what is wrong in it: a file, a ticker of a source.
    notes : tuple of Note
        What the table shows beside its bars.
    """

    frame: pd.DataFrame
    where: str
    rows: Rows = field(default_factory=Rows)
    notes: tuple[Note, ...] = ()

    def take(self, order: NDArray[np.intp]) -> Fetched:
        """Return the same rows in another order."""
        rows = self.rows.take(order)
        return Fetched(self.frame.iloc[order], self.where, rows, self.notes)
