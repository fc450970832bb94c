"""Figures of the overview of a study: a heat map, and a small panel for each problem."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from finscale.report.figures import BLACK, BLUE, GREY, Floats, draw_cells, mark_sizes, short_answer
from finscale.report.pages import show
from finscale.report.problem import Report, budget_size
from finscale.report.study.overview import Overview

# Blue means better and is darker than orange (worse), so the ends differ in greyscale too.
BETTER_WORSE = LinearSegmentedColormap.from_list("better_worse", ["#08457E", "#F7F7F7", "#F2A65A"])
N_COLUMNS = 3
MAX_LABELS = 4
# Squares without a number are hatched.
HATCH = "////"


def heat_map(overview: Overview) -> Figure:
    """Draw the difference from the reference by problem and budget.

    Squares without a number are hatched: the test is closed, or the cell was refused or is missing.
    """
    budgets = sorted(
        {str(budget) for report in overview.reports for budget in report.cells["budget"]},
        key=budget_size,
    )
    values = np.array([_row(report, budgets) for report in overview.reports])
    figure = Figure(
        figsize=(9.0, 1.9 + 0.42 * len(overview.reports)), dpi=120, layout="constrained"
    )
    axes = figure.subplots()
    known = values[np.isfinite(values)]
    reach = max(float(np.abs(known).max()), 1e-9) if known.size else 1.0
    norm = Normalize(-reach, reach)
    axes.set_facecolor("white")
    for (row, column), value in np.ndenumerate(values):
        _square(axes, row, column, float(value), norm)
    _frame(axes, overview, budgets)
    missing = Patch(facecolor="white", edgecolor=GREY, hatch=HATCH, label="closed, or no such cell")
    figure.legend(handles=[missing], loc="outside lower center", frameon=False, fontsize=9)
    return figure


def panels_figure(overview: Overview) -> Figure:
    """Draw every problem's cells with intervals in a small panel, on a common scale."""
    n_rows = math.ceil(len(overview.reports) / N_COLUMNS)
    n_columns = min(N_COLUMNS, len(overview.reports))
    figure = Figure(figsize=(9.0, 0.5 + 2.5 * n_rows), dpi=120, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    panels = list(grid.flat)
    named = zip(overview.names, overview.reports, strict=True)
    for axes, (name, report) in zip(panels, named, strict=False):
        _panel(axes, name, report)
    for axes in panels[len(overview.reports) :]:
        axes.set_axis_off()
    figure.supylabel("difference from the reference (nats a day)", fontsize=9)
    figure.supxlabel("true number of parameters (log scale)", fontsize=9)
    return figure


def _row(report: Report, budgets: list[str]) -> Floats:
    if not report.is_open:
        return np.full(len(budgets), np.nan)
    found = report.cells.set_index("budget")["difference"].reindex(budgets)
    return found.to_numpy(dtype=np.float64)


def _square(axes: Axes, row: int, column: int, value: float, norm: Normalize) -> None:
    box = [column - 0.5, column + 0.5]
    low, high = [row - 0.5] * 2, [row + 0.5] * 2
    if not math.isfinite(value):
        axes.fill_between(
            box, low, high, facecolor="white", edgecolor=GREY, hatch=HATCH, linewidth=0
        )
        return
    colour = BETTER_WORSE(float(norm(value)))
    axes.fill_between(box, low, high, facecolor=colour, edgecolor="white", linewidth=1.5)
    light = float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))
    ink = BLACK if light > 0.45 else "white"
    axes.text(column, row, show(value, "+.4f"), ha="center", va="center", fontsize=9, color=ink)


def _frame(axes: Axes, overview: Overview, budgets: list[str]) -> None:
    axes.set_xlim(-0.5, len(budgets) - 0.5)
    axes.set_ylim(len(overview.reports) - 0.5, -0.5)
    axes.set_xticks(range(len(budgets)), budgets, fontsize=9)
    axes.set_yticks(range(len(overview.reports)), overview.names, fontsize=9)
    axes.set_xlabel("budget", fontsize=9)
    axes.set_title(
        "Difference from the reference, nats a day: negative (blue) is better",
        loc="left", fontsize=11, fontweight="bold", color=BLACK,
    )  # fmt: skip
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _panel(axes: Axes, name: str, report: Report) -> None:
    axes.set_title(f"{name}\n{short_answer(report)}", loc="left", fontsize=8.5, color=BLACK)
    axes.set_xscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    mark_sizes(axes, report.cells["n_params"].to_numpy(dtype=np.float64))
    _thin_labels(axes)
    if not report.is_open:
        axes.set_facecolor("#f3f3f3")
        axes.text(
            0.5, 0.5, "test closed", ha="center", va="center", fontsize=9, color="#444444",
            transform=axes.transAxes,
        )  # fmt: skip
        return
    axes.axhline(0.0, color=BLACK, linewidth=1.0)
    low, middle, high = (
        report.cells[key].to_numpy(dtype=np.float64) for key in ("ci_low", "difference", "ci_high")
    )
    line = report.verdict.slope
    if line is not None:
        sizes = np.geomspace(*axes.get_xlim(), 101)
        axes.fill_between(sizes, *line.band(sizes, 0.95), color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(sizes, line.predict(sizes), color=BLUE, linewidth=1.3)
    errors = np.maximum(np.stack([middle - low, high - middle]), 0.0)
    draw_cells(axes, report.cells, "difference", errors)


def _thin_labels(axes: Axes) -> None:
    """Thin out the labels of sizes to the room of a panel, keeping the largest size."""
    axes.tick_params(labelsize=7.5)
    texts = [label.get_text() for label in axes.get_xticklabels()]
    step = math.ceil(len(texts) / MAX_LABELS)
    axes.set_xticklabels(
        [text if (len(texts) - 1 - i) % step == 0 else "" for i, text in enumerate(texts)]
    )
