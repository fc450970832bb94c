"""A user's own file: finding it, and saying what is wrong in it by row."""

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

# What exporters write where there is nothing, beside an empty cell.
_NOTHING = {"null", "none", "nan", "na", "n/a", "#n/a", "#n/a n/a", "nat", "-", "--", "<na>"}
_LONGEST = 40


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

    def refuse(self, cells: pd.Series[Any], bad: NDArray[np.bool], rule: str, advice: str) -> None:
        """Refuse bad cells: the first is shown, and how many more there are."""
        if not bad.any():
            return
        row, n_more = int(np.flatnonzero(bad)[0]), int(bad.sum()) - 1
        is_empty = bool(empty_cells(cells.iloc[row : row + 1])[0])
        line = self.row(row)
        # Hundreds alike are no slips: the file is written another way.
        todo = f"Correct or remove the {line.split()[0]}{'s' if n_more else ''}."
        raise self.malformed(
            rule,
            f"{'nothing' if is_empty else show(cells.iat[row])} in {line}"
            + (f", and {n_more} more" if n_more else ""),
            todo if is_empty else f"{advice} {todo}",
        )


def show(cell: object) -> str:
    """Quote a cell, not at any length."""
    text = str(cell)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def texts_of(cells: pd.Series[Any]) -> pd.Series[str]:
    """Spell out cells of any kind (decimals, dates, categories, text); nothing stays missing."""
    spelled = [None if _is_nothing(cell) else str(cell) for cell in cells.astype(object)]
    return pd.Series(spelled, index=cells.index, dtype="str", name=cells.name)


def empty_cells(cells: pd.Series[Any]) -> NDArray[np.bool]:
    """Tell which cells hold nothing."""
    is_spelled = not pd.api.types.is_numeric_dtype(cells.dtype)
    found = texts_of(cells).isna() if is_spelled else cells.isna()
    return np.asarray(found.to_numpy(bool))


def table_sha256(path: Path) -> str:
    """Digest the bytes of a table's file, or of the parts in its folder with their names."""
    if path.is_file():
        return file_sha256(path)
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")):
        # Readers leave out the rest: marks of whoever wrote the parts.
        if part.is_file() and not part.name.startswith(("_", ".")):
            digest.update(f"{part.relative_to(path).as_posix()} {file_sha256(part)}\n".encode())
    return digest.hexdigest()


def _is_nothing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip() or cell.strip().lower() in _NOTHING
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def find_table(folder: Path, ticker: str, suffix: str, kind: str) -> Path:
    """Return the ticker's file, or of Parquet the folder of its parts.

    The ^ of an index may be left out of its name.

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
