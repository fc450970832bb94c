"""The user's own files: how they are found, and errors that name their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import DataError, check_ticker, file_stem
from finscale.market.files import file_sha256

# Words that exporters write for a missing value, besides an empty cell.
_NOTHING = {"null", "none", "nan", "na", "n/a", "#n/a", "#n/a n/a", "nat", "-", "--", "<na>"}
_LONGEST = 40


@dataclass(frozen=True)
class TableFile:
    """The file that a table was read from, for error messages.

    Attributes
    ----------
    path : Path
    row : callable
        Returns the name in the file of a row of the table: "line 2", "row 1".
    """

    path: Path
    row: Callable[[int], str]

    def malformed(self, expected: str, got: str, todo: str) -> DataError:
        """Return an error about this file."""
        return DataError(str(self.path), expected=expected, got=got, todo=todo)

    def refuse(self, cells: pd.Series[Any], bad: NDArray[np.bool], rule: str, advice: str) -> None:
        """Raise an error if cells are bad; it shows the first one and the number of others."""
        if not bad.any():
            return
        row, n_more = int(np.flatnonzero(bad)[0]), int(bad.sum()) - 1
        is_empty = bool(empty_cells(cells.iloc[row : row + 1])[0])
        line = self.row(row)
        # Hundreds of bad cells are no typing errors: the file uses another format.
        todo = f"Correct or remove the {line.split()[0]}{'s' if n_more else ''}."
        raise self.malformed(
            rule,
            f"{'nothing' if is_empty else show(cells.iat[row])} in {line}"
            + (f", and {n_more} more" if n_more else ""),
            todo if is_empty else f"{advice} {todo}",
        )


def show(cell: object) -> str:
    """Quote a cell for a message, shortened if it is long."""
    text = str(cell)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def texts_of(cells: pd.Series[Any]) -> pd.Series[str]:
    """Convert cells of any type (decimals, dates, categories, text) to text; keep missing ones."""
    spelled = [None if _is_nothing(cell) else str(cell) for cell in cells.astype(object)]
    return pd.Series(spelled, index=cells.index, dtype="str", name=cells.name)


def empty_cells(cells: pd.Series[Any]) -> NDArray[np.bool]:
    """Tell which cells are empty."""
    is_spelled = not pd.api.types.is_numeric_dtype(cells.dtype)
    found = texts_of(cells).isna() if is_spelled else cells.isna()
    return np.asarray(found.to_numpy(bool))


def table_sha256(path: Path) -> str:
    """Return the SHA-256 of a table's file, or of names and bytes of the parts in its folder."""
    if path.is_file():
        return file_sha256(path)
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")):
        # Readers ignore other files, such as markers of the program that wrote the parts.
        if part.is_file() and not part.name.startswith(("_", ".")):
            digest.update(f"{part.relative_to(path).as_posix()} {file_sha256(part)}\n".encode())
    return digest.hexdigest()


def _is_nothing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip() or cell.strip().lower() in _NOTHING
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def find_table(folder: Path, ticker: str, suffix: str, kind: str) -> Path:
    """Return the path of a ticker's file, or for Parquet also of the folder with its parts.

    The file name may omit the ^ of an index.

    Raises
    ------
    ConfigError
        If the ticker is not a valid file name.
    DataError
        If there is no such file.
    """
    check_ticker(ticker, f"ticker of source {kind.lower()}")
    names = dict.fromkeys((f"{ticker}{suffix}", f"{file_stem(ticker)}{suffix}"))
    got = "no such file"
    try:
        folder = folder.expanduser()
        for name in names:
            path = folder / name
            if path.is_file() or (suffix == ".parquet" and path.is_dir()):
                return path
            if path.is_dir():
                got = f"a folder, {name}"
    except (OSError, RuntimeError) as error:  # no such home, a name too long, no permission
        got = str(error)
    raise DataError(
        str(folder / f"{ticker}{suffix}"),
        expected=f"a {kind} file for each ticker",
        got=got,
        todo="Put it there, or correct the universe's path.",
    )
