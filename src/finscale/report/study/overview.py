"""Overview page of the reports of a study with several problems."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

import pandas as pd

from finscale.laws import Control, SlopeDifference
from finscale.report.pages import DASH, Drawing, Table, embedded, render_template, show
from finscale.report.problem import (
    CONTROL_CAPTION,
    SMALLEST_P,
    Report,
    best_trials,
    budget_size,
    changes,
    control_sentence,
    control_table,
    notable_sentences,
    transfer_table,
)

T = TypeVar("T")

# Parts of a problem's name, in order; the rest of the name is "other".
PARTS = ("universe", "task", "horizon", "timescale", "tier", "other")


@dataclass(frozen=True)
class Overview:
    """Content of the overview. All its numbers come from the reports.

    Attributes
    ----------
    title, question : str
        Title and question of the study.
    reports : tuple of Report
        One report per problem, each with the problem's name.
    differences : tuple of SlopeDifference
        Differences of slopes between reports, given by their positions.
    """

    title: str
    question: str
    reports: tuple[Report, ...]
    differences: tuple[SlopeDifference, ...] = ()

    def __post_init__(self) -> None:
        """Check that the names of the reports are unique."""
        problems = [report.problem for report in self.reports]
        assert all(problems), "every report of an overview names its problem"
        assert len(set(problems)) == len(problems), "one report a problem"

    @property
    def names(self) -> tuple[str, ...]:
        """Short names of the problems, made of the parts in which they differ."""
        varying = self.varying or (PARTS[0],)
        places = [PARTS.index(part) for part in varying]
        parts = [parts_of(report.problem) for report in self.reports]
        return tuple(" ".join(filter(None, (row[at] for at in places))) or "plain" for row in parts)

    @property
    def varying(self) -> tuple[str, ...]:
        """Parts of the name in which the problems differ."""
        columns = zip(*(parts_of(report.problem) for report in self.reports), strict=True)
        return tuple(part for part, had in zip(PARTS, columns, strict=True) if len(set(had)) > 1)

    @property
    def counts(self) -> str:
        """Sentence with the number of problems for each answer."""
        found = Counter(report.verdict.answer.value for report in self.reports)
        said = ", ".join(f"{number} {answer}" for answer, number in found.most_common())
        return f"{len(self.reports)} problems: {said}."

    @property
    def is_confirmatory(self) -> bool:
        """True if every opened test was opened once and for a complete study."""
        opened = [report for report in self.reports if report.is_open]
        return not any(report.exploratory or report.partial for report in opened)

    @property
    def opening_sentence(self) -> str:
        """Sentence on the openings of the tests."""
        n_open = sum(report.is_open for report in self.reports)
        n_again = sum(report.is_open and report.exploratory for report in self.reports)
        n_partial = sum(report.is_open and bool(report.partial) for report in self.reports)
        said = [f"Tests opened: {n_open} of {len(self.reports)}"]
        said += [f"exploratory: {n_again}"] if n_again else []
        said += [f"partial: {n_partial}"] if n_partial else []
        return "; ".join(said) + "."


def render_overview_html(
    overview: Overview, drawings: Sequence[Drawing], links: Mapping[str, str]
) -> str:
    """Return the overview as one self-contained HTML page.

    Parameters
    ----------
    overview : Overview
        Content of the page.
    drawings : sequence of Drawing
        Figures in order; they are embedded as SVG.
    links : mapping of str to str
        Address of each problem's own report, relative to this page.
    """
    return render_template(
        "overview.html.j2",
        figures=[embedded(drawing) for drawing in drawings],
        overview=overview,
        verdicts=verdict_table(overview, links),
        interactions=interaction_table(overview),
        differences=difference_table(overview),
        control_caption=CONTROL_CAPTION,
        control_said=control_sentence(*_controls(overview)) if _controls(overview)[0] else "",
        controls=control_table(*_controls(overview)),
        horizons=[
            (
                title,
                transfer_table(best, places, "horizon"),
                notable_sentences(changes(best, places)),
            )
            for title, best, places in horizons_of(overview)
        ],
    )


def verdict_table(overview: Overview, links: Mapping[str, str]) -> Table:
    """Return a table of verdicts with their p-values, one row per problem."""
    rows = tuple(
        (
            name,
            report.verdict.answer.value,
            *(_p_value(report, key) for key in ("p_value", "p_adjusted")),
            f"{report.opening}" if report.is_open else "closed",
            report.problem,
            report.verdict.reason,
        )
        for name, report in zip(overview.names, overview.reports, strict=True)
    )
    header = ("problem", "verdict", "p", "p (Holm)", "opening", "name", "reason")
    hrefs = tuple(links.get(report.problem, "") for report in overview.reports)
    return Table(header, rows, code=("name",), below=("name", "reason"), links=hrefs)


def interaction_table(overview: Overview) -> Table:
    """Return a table of slopes per decade with 95 % intervals, with one column per horizon.

    If the horizon does not vary, the columns are the first part of the names that does.
    """
    across = _across(overview.varying)
    down = [part for part in overview.varying if part != across]
    slopes = {
        (tuple(_part(report, part) for part in down), _part(report, across)): _slope(report)
        for report in overview.reports
    }
    rows = _in_order(row for row, _ in slopes)
    columns = _in_order(column for _, column in slopes)
    texts = tuple(
        (" ".join(filter(None, row)) or "slope", *(slopes.get((row, at), DASH) for at in columns))
        for row in rows
    )
    return Table((", ".join(down) or across, *(at or "plain" for at in columns)), texts)


def difference_table(overview: Overview) -> Table:
    """Return a table of slope differences, one row per pair that differs in one coordinate."""
    names = overview.names
    rows = tuple(
        (
            f"{names[one.second]} against {names[one.first]}",
            show(one.difference, "+.5f"),
            f"[{show(one.low, '+.5f')}, {show(one.high, '+.5f')}]",
            _small(one.p_value),
            _small(one.p_adjusted),
        )
        for one in overview.differences
    )
    return Table(("slopes", "difference", "95 % interval", "p", "p (Holm)"), rows)


def _controls(overview: Overview) -> tuple[list[str], list[Control]]:
    found = [
        (name, report.control)
        for name, report in zip(overview.names, overview.reports, strict=True)
        if report.control
    ]
    return [name for name, _ in found], [control for _, control in found]


def horizons_of(overview: Overview) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Group the best trials of problems that differ only in their horizon, by budget.

    Returns
    -------
    list of (str, DataFrame, list of str)
        For each group: the parts and the budget that its trials share, the trials with one row per
        horizon, and the horizons, the shortest first. Groups with a single horizon are left out.
    """
    found: dict[tuple[str, ...], list[tuple[str, pd.DataFrame]]] = {}
    down = [part for part in overview.varying if part != "horizon"]
    for report in overview.reports:
        best = best_trials(report.trials)
        for budget in best["budget"].astype(str):
            shared = (*(_part(report, part) for part in down), budget)
            row = best[best["budget"] == budget]
            found.setdefault(shared, []).append((_part(report, "horizon"), row))
    gathered = []
    for shared in sorted(found, key=lambda key: (key[:-1], budget_size(key[-1]))):
        rows = sorted(found[shared], key=lambda at: int(at[0].removeprefix("h") or 0))
        if len(rows) > 1:
            best = pd.concat([row for _, row in rows], ignore_index=True)
            gathered.append((" ".join(filter(None, shared)), best, [at for at, _ in rows]))
    return gathered


def parts_of(problem: str) -> tuple[str, ...]:
    """Split a problem's name into its `PARTS`; missing parts are empty."""
    pieces = problem.split(".", len(PARTS) - 1)
    return tuple(piece for _, piece in zip_longest(PARTS, pieces, fillvalue=""))


def _across(varying: Sequence[str]) -> str:
    return "horizon" if "horizon" in varying else varying[0] if varying else "universe"


def _part(report: Report, part: str) -> str:
    return parts_of(report.problem)[PARTS.index(part)]


def _slope(report: Report) -> str:
    interval = report.verdict.interval_95
    if report.verdict.slope is None or interval is None:
        return f"{DASH}\ngate {report.verdict.gate.name}" if report.verdict.gate else DASH
    low, high = (show(value, "+.5f") for value in interval)
    return f"{show(report.verdict.slope.slope, '+.5f')}\n[{low}, {high}]"


def _p_value(report: Report, key: str) -> str:
    return _small(report.verdict.numbers.get(key, math.nan))


def _small(value: float) -> str:
    return f"< {SMALLEST_P}" if value < SMALLEST_P else show(value, ".3f")


def _in_order(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
