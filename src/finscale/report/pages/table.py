"""Table of text, for HTML pages and Markdown notes, and formatting of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Table:
    """Header and rows of text. Text after a line break in a value is shown as secondary.

    Attributes
    ----------
    code : tuple of str
        Columns of run ids, separated by spaces, shown in a fixed-width font.
    below : tuple of str
        Columns that HTML shows on a line below the row, because they are too wide.
    links : tuple of str
        Link of each row's first value; empty if there is none.
    is_prose : bool
        True if values are words, which are aligned to the left and wrapped.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    is_prose: bool = False


def markdown(table: Table) -> str:
    """Return a table as Markdown. Bars and line breaks in values are escaped."""
    lines = [_markdown_row(table.header), _markdown_row("---" for _ in table.header)]
    return "\n".join([*lines, *(_markdown_row(row) for row in table.rows)])


def show(value: float, form: str) -> str:
    """Format a number with a true minus sign; a dash if it is missing or infinite."""
    return (
        DASH
        if pd.isna(value) or math.isinf(value)
        else format(float(value), form).replace("-", MINUS)
    )


def _markdown_row(values: Iterable[str]) -> str:
    cells = (value.replace("|", "\\|").replace("\n", " ") for value in values)
    return "| " + " | ".join(cells) + " |"
