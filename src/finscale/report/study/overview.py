"""One page over the reports of a study with several problems."""

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

# Parts of a problem's name, in its order; what follows them is one more.
PARTS = ("universe", "task", "horizon", "timescale", "tier", "other")


@dataclass(frozen=True)
class Overview:
    """What the overview shows: the reports, which hold every number of it.

    Attributes
    ----------
    title, question : str
        Of the study.
    reports : tuple of Report
        One a problem, each named.
    differences : tuple of SlopeDifference
        Of slopes, by the reports' places.
    """

    title: str
    question: str
    reports: tuple[Report, ...]
    differences: tuple[SlopeDifference, ...] = ()

    def __post_init__(self) -> None:
        """Check that the reports can be told apart."""
        problems = [report.problem for report in self.reports]
        assert all(problems), "every report of an overview names its problem"
        assert len(set(problems)) == len(problems), "one report a problem"

    @property
    def names(self) -> tuple[str, ...]:
        """Short names of the problems: the parts in which they differ."""
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
        """How many problems got which answer, for people."""
        found = Counter(report.verdict.answer.value for report in self.reports)
        said = ", ".join(f"{number} {answer}" for answer, number in found.most_common())
        return f"{len(self.reports)} problems: {said}."

    @property
    def is_confirmatory(self) -> bool:
        """Whether every test that was opened was opened once, and for a whole study."""
        opened = [report for report in self.reports if report.is_open]
        return not any(report.exploratory or report.partial for report in opened)

    @property
    def opening_sentence(self) -> str:
        """What was done with the tests, for people."""
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
    """Write the overview as one HTML page without any outside resource.

    Parameters
    ----------
    overview : Overview
        What to show.
    drawings : sequence of Drawing
        In order; they are embedded as SVG.
    links : mapping of str to str
        Problem to the address of its own report, relative to this page.
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
    """One row a problem: what it was concluded to be, and how sure that is."""
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
    """Slopes per decade with 95 % intervals: the horizons, or what varies first, side by side."""
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
    """One row a pair of problems that differ in one coordinate: how their slopes differ."""
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
    """Gather the best trials of problems that differ in their horizon alone, budget by budget.

    Returns
    -------
    list of (str, DataFrame, list of str)
        What the trials share, for people; one row a horizon; and the horizons, the shortest
        first. What has one horizon alone is left out.
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
    """Split a problem's name into its `PARTS`; what is not there is empty."""
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
