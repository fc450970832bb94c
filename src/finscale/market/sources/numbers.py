"""Parsing of numbers as exporters write them: 1234.5, 1.234,50, 1 234,5, $1,234.50, 1.2M."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.market.sources.file import TableFile, show, texts_of

Columns = Mapping[str, "pd.Series[Any]"]
_CURRENCY = "$€£¥"
# Separators of thousands that are never decimal marks: spaces, non-breaking spaces, apostrophes.
_THIN_MARKS = r"(?<=\d)[\s\u00a0\u202f\u2009'’](?=\d{3}(?!\d))"
_ADVICE = "Numbers are written 1234.5: a decimal point, and nothing between thousands."
_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9}


def _sure(point: str, comma: str) -> str:
    """Return the pattern of numbers whose decimal mark can only be `point`."""
    # Either the digits around the mark exclude a separator of thousands, or the other mark is in a
    # place where only a separator of thousands can be.
    return (
        rf"^[+-]?(?:\d*{point}(?:\d{{1,2}}|\d{{4,}})|(?:0|\d{{4,}})?{point}\d+"
        rf"|\d{{1,3}}(?:{comma}\d{{2,3}})*{comma}\d{{3}}{point}\d*"
        rf"|\d{{1,3}}(?:{comma}\d{{2,3}})+{comma}\d{{3}})(?:[eE][+-]?\d+)?[kKmMbB]?$"
    )


_POINT, _COMMA = _sure(r"\.", ","), _sure(",", r"\.")
_PLAIN = r"^[+-]?(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})?(?:\.\d*)?(?:[eE][+-]?\d+)?$"


def parse_numbers(
    columns: Columns, file: TableFile
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64] | None]:
    """Return the values of columns, and the printed decimals of each row's coarsest price.

    The whole file has one decimal mark: ambiguous cells such as 1,234 are read like the others.

    Raises
    ------
    DataError
        If a cell is not a number, or nothing in the file shows what a comma means.
    """
    texts = {name: _clean(cells) for name, cells in columns.items() if not _is_number(cells)}
    texts = _with_points(texts, columns, file)
    values = {name: _values(name, cells, texts.get(name), file) for name, cells in columns.items()}
    prices = [name for name in columns if name != "volume"]
    printed = [_decimals(texts.get(name, columns[name])) for name in prices]
    return values, np.min(printed, axis=0) if prices else None


def _is_number(cells: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(cells.dtype))


def _clean(cells: pd.Series[Any]) -> pd.Series[str]:
    """Return the texts of cells without currency signs, and without spaces between thousands."""
    texts = texts_of(cells).str.strip().str.strip(_CURRENCY).str.strip()
    return texts.str.replace(_THIN_MARKS, "", regex=True)


def _with_points(
    texts: dict[str, pd.Series[str]], columns: Columns, file: TableFile
) -> dict[str, pd.Series[str]]:
    """Rewrite every number with a decimal point and without separators of thousands."""
    point, comma = _first(_POINT, texts), _first(_COMMA, texts)
    if point and comma:
        cells = [
            f"{show(columns[name].iat[row])} in {file.row(row)}" for name, row in (point, comma)
        ]
        raise file.malformed("one decimal mark in all numbers", " and ".join(cells), _ADVICE)
    unclear = None if point or comma else _first(r"^[+-]?\d{1,3},\d{3}$", texts)
    if unclear:
        name, row = unclear
        got = f"{show(columns[name].iat[row])} in {file.row(row)}"
        raise file.malformed(f"a number in {name} whose decimal mark is unambiguous", got, _ADVICE)
    swapped = str.maketrans(".,", ",.") if comma else {}
    return {name: _plain(cells.str.translate(swapped)) for name, cells in texts.items()}


def _first(pattern: str, texts: Mapping[str, pd.Series[str]]) -> tuple[str, int] | None:
    for name, cells in texts.items():
        found = np.flatnonzero(cells.str.contains(pattern, na=False).to_numpy())
        if len(found):
            return name, int(found[0])
    return None


def _plain(cells: pd.Series[str]) -> pd.Series[str]:
    """Remove commas between thousands; commas in other places stay and are refused later."""
    bare = cells.str.replace(r"[kKmMbB]$", "", regex=True)
    is_plain = bare.str.contains(_PLAIN, na=False)
    return cells.where(~is_plain, cells.str.replace(",", ""))


def _values(
    name: str, cells: pd.Series[Any], texts: pd.Series[str] | None, file: TableFile
) -> NDArray[np.float64]:
    if name == "volume" and (cells if texts is None else texts).isna().all():
        return np.zeros(len(cells))  # an index that is not traded
    values = _floats(cells if texts is None else texts, with_suffix=name == "volume")
    file.refuse(cells, np.isnan(values), f"a number in {name}", _ADVICE)
    return values


def _floats(cells: pd.Series[Any], with_suffix: bool) -> NDArray[np.float64]:
    scale: pd.Series[float] | float = 1.0
    if with_suffix and not _is_number(cells):
        scale = cells.str[-1:].str.lower().map(_SUFFIXES).astype(np.float64).fillna(1.0)
        cells = cells.str.replace(r"[kKmMbB]$", "", regex=True)
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64) * scale
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))


def _decimals(cells: pd.Series[Any]) -> NDArray[np.int64]:
    """Count the digits after the decimal point of numbers as Python prints them.

    A number with an exponent counts as having the full precision of a float.
    """
    texts = texts_of(cells)
    digits = texts.str.extract(r"\.(\d+)$", expand=False).str.len().fillna(0)
    return np.where(texts.str.contains("[eE]", na=False), 15, digits).astype(np.int64)
