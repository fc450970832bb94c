"""Fifty files of one market, as programs and people write them, and what becomes of each.

``python -m tests.layouts`` writes docs/file_layouts.md anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from finscale.config import DataError
from finscale.market import validate_bars
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.parquet import parquet_bars
from tests.layout_case import Case, market
from tests.parquet_layouts import PARQUETS
from tests.text_layouts import TEXTS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "file_layouts.md"
_HEAD = """# Files as people have them

This page lists files of prices as programs and people write them, and what happens to each. *read*
means that exactly the bars in the file are read. Otherwise the table has the message with which the
command ends (exit code 2). `python -m tests.layouts` writes this page;
`tests/unit/market/test_layouts.py` writes and reads each of the files, and fails when the page is
out of date.

| file | becomes |
|---|---|
"""
CASES = (*TEXTS, *PARQUETS)


def read(case: Case, folder: Path) -> pd.DataFrame:
    """Write a case's file into a folder and read it as a universe of that folder does."""
    case.put(folder / f"ABC{case.suffix}", market())
    fetched = (csv_bars if case.suffix == ".csv" else parquet_bars)(folder, "ABC")
    return validate_bars(fetched.frame, fetched.where, rows=fetched.rows)


def page() -> str:
    """Return the table: a row a file."""
    return _HEAD + "".join(f"| {row} |\n" for row in _page_rows(CASES))


def _page_rows(cases: Iterable[Case]) -> Iterable[str]:
    for case in cases:
        with TemporaryDirectory() as name:
            try:
                read(case, Path(name))
                becomes = ""
            except DataError as error:
                becomes = _literal(error.line.replace(f"{name}/", "bars/"))
        kind = "CSV" if case.suffix == ".csv" else "Parquet"
        yield f"{_literal(f'{kind}: {case.name}')} | {becomes or '*read*'}"


def _literal(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
