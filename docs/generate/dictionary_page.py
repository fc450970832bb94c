"""The data dictionary as Markdown: every file and every column, with what it is made of."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from finscale.report import Table, markdown, show

STATISTICS = ("count", "mean", "std", "min", "25%", "50%", "75%", "max")


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Attributes
    ----------
    type : str
        Of its values, as Parquet holds them.
    formula, source, unit : str
        What it is, what it is made of, and in what unit; of an input, before `rule`.
    rule : str
        How an input is made stationary; empty for raw columns.
    tier : str
        The smallest tier that holds it; empty where there are none.
    warmup : int
        Rows at the start without a value.
    statistics : Series, optional
        Of its values on the bundled data (`STATISTICS`).
    """

    name: str
    type: str
    formula: str
    source: str
    unit: str
    rule: str = ""
    tier: str = ""
    warmup: int = 0
    statistics: pd.Series | None = None


@dataclass(frozen=True)
class Chapter:
    """A part of the dictionary: words, tables, and columns."""

    title: str
    text: str
    tables: tuple[Table, ...] = ()
    columns: tuple[Column, ...] = ()


def render_dictionary(chapters: Sequence[Chapter]) -> str:
    """Write the dictionary; the same chapters give the same text."""
    text = (
        "This page lists every file and every column. `make dictionary` writes it from the code "
        "and the bundled data, and a test fails when it is out of date. Statistics are those of "
        "the bundled data after the warm-up."
    )
    head = f"# Data dictionary\n\n{wrapped(text)}\n"
    return "\n".join([head, *(_chapter(chapter) for chapter in chapters)])


def _chapter(chapter: Chapter) -> str:
    paragraphs = [wrapped(paragraph) for paragraph in chapter.text.split("\n\n")]
    parts = [f"## {chapter.title}", *paragraphs, *map(markdown, chapter.tables)]
    if chapter.columns:
        parts.append(markdown(_columns(chapter.columns)))
    return "\n\n".join(part for part in parts if part) + "\n"


def wrapped(paragraph: str) -> str:
    """Break a paragraph into lines as long as those of the pages written by hand."""
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def _columns(columns: Sequence[Column]) -> Table:
    """Leave out what none of the columns has."""
    fields = {
        "tier": [column.tier for column in columns],
        "formula": [column.formula for column in columns],
        "source": [column.source for column in columns],
        "unit": [column.unit for column in columns],
        "as an input": [column.rule for column in columns],
        "type": [column.type for column in columns],
        "warm-up": [str(column.warmup) for column in columns],
    }
    shown = {name: values for name, values in fields.items() if any(values)}
    known = [column.statistics for column in columns]
    for name in STATISTICS if any(one is not None for one in known) else ():
        form = ",.0f" if name == "count" else ".4g"
        shown[name] = ["" if one is None else show(one[name], form) for one in known]
    rows = zip((f"`{column.name}`" for column in columns), *shown.values(), strict=True)
    return Table(("column", *shown), tuple(rows))
