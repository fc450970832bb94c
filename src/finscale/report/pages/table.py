"""A table as text, the same for an HTML page and a Markdown note; and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Table:
    """Header and rows of text; what follows a line break in a value is beside the main thing.

    Attributes
    ----------
    code : tuple of str
        Columns of run ids, separated by spaces, to be set in fixed width.
    below : tuple of str
        Columns that HTML sets in a line of their own below the row, where they would be too
        wide beside it.
    links : tuple of str
        Address of what each row's first value names; empty where there is none.
    is_prose : bool
        Values are words, set to the left and broken into lines.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    is_prose: bool = False


def markdown(table: Table) -> str:
    """Write a table as Markdown; bars and line breaks in values cannot break it."""
    lines = [_markdown_row(table.header), _markdown_row("---" for _ in table.header)]
    return "\n".join([*lines, *(_markdown_row(row) for row in table.rows)])


def show(value: float, form: str) -> str:
    """Format a number with a true minus sign; a dash where there is none, or no end to it."""
    return (
        DASH
        if pd.isna(value) or math.isinf(value)
        else format(float(value), form).replace("-", MINUS)
    )


def _markdown_row(values: Iterable[str]) -> str:
    cells = (value.replace("|", "\\|").replace("\n", " ") for value in values)
    return "| " + " | ".join(cells) + " |"
