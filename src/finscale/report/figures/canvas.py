"""Drawing helpers of the figures: axes, panels, cells, levels, and colours by Okabe and Ito."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from finscale.config import format_size

Floats = NDArray[np.float64]

# Okabe & Ito 2008, "Color Universal Design": distinct for all common kinds of colour vision.
BLACK, GREY = "#1a1a1a", "#8a8a8a"
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#AA4488"
# Additional colours, dark enough for text on white; dashes differ as well.
BROWN, SLATE = "#8C6D00", "#5A6068"

# Share of the axis below which two labels at its edge would touch.
LABEL_GAP = 0.05


@dataclass(frozen=True)
class Level:
    """A horizontal line with a label at the right edge."""

    name: str
    value: float
    colour: str
    dashes: str | tuple[int, tuple[int, ...]]


def new_axes(title: str, subtitle: str, y_label: str) -> tuple[Figure, Axes]:
    """Create a figure with a title, the verdict as subtitle, and a log axis of sizes."""
    figure = Figure(figsize=(9.0, 5.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=BLACK, pad=28)
    axes.annotate(
        subtitle, (0, 1), (0, 10), "axes fraction", "offset points", fontsize=10, color="#444444"
    )
    axes.set_xscale("log")
    axes.set_xlabel("true number of parameters (log scale)", fontsize=10)
    axes.set_ylabel(y_label, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)
    return figure, axes


def new_panels(n_panels: int, n_columns: int = 3, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """Create a figure of small panels with a shared y axis."""
    # Four panels are laid out as 2 + 2 instead of 3 + 1.
    columns = 2 if n_panels == n_columns + 1 == 4 else min(n_columns, n_panels)
    rows = math.ceil(n_panels / columns)
    figure = Figure(figsize=(9.0, 0.7 + height * rows), dpi=120, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes in panels[n_panels:]:
        axes.set_axis_off()
    for axes in panels[:n_panels]:
        plain(axes)
    return figure, panels[:n_panels]


def plain(axes: Axes, grid: Literal["x", "y", "both"] = "y") -> None:
    """Apply the plain style: no top and right spines, a light grid, small labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def head(axes: Axes, text: str) -> None:
    """Set the title of a panel."""
    axes.set_title(text, loc="left", fontsize=9, color=BLACK)


def mark_sizes(axes: Axes, n_params: Floats) -> None:
    """Label the axis at the cells' true sizes instead of powers of ten."""
    axes.set_xlim(n_params.min() / 1.8, n_params.max() * 1.8)
    sizes = np.unique(n_params)
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([format_size(int(size)) for size in sizes])


def draw_seeds(axes: Axes, finals: pd.DataFrame, column: str) -> None:
    """Draw every final as a faint dot."""
    shown = finals.dropna(subset=[column])
    axes.scatter(
        shown["n_params"], shown[column], s=22, color=GREY, alpha=0.55, linewidths=0, zorder=3,
        label="one final (seed)",
    )  # fmt: skip


def draw_cells(axes: Axes, cells: pd.DataFrame, column: str, errors: Floats | None) -> None:
    """Draw cell means with their intervals, if any; collapsed cells are hollow squares."""
    for collapsed, marker, face in ((False, "o", BLUE), (True, "s", "white")):
        chosen = (cells["collapsed"].astype(bool) == collapsed).to_numpy()
        if not chosen.any():
            continue
        axes.errorbar(
            cells["n_params"][chosen],
            cells[column][chosen],
            yerr=None if errors is None else errors[:, chosen],
            fmt=marker,
            color=BLUE,
            markerfacecolor=face,
            markeredgewidth=1.4,
            markersize=7,
            capsize=4,
            linewidth=1.6,
            zorder=5,
            label=_cell_label(collapsed=collapsed, has_interval=errors is not None),
        )


def draw_levels(axes: Axes, levels: Sequence[Level], inside: Floats) -> None:
    """Draw levels as lines with labels at the right. Distant levels are named at the axis edge.

    Parameters
    ----------
    levels : sequence of Level
        Lines to draw.
    inside : ndarray, shape (N,)
        Values that must be visible. The axis covers them with a margin. It is extended for levels
        within the same range again, but not further: a distant baseline must not flatten the cells.
    """
    low, high = float(inside.min()), float(inside.max())
    reach = max(high - low, 1e-4)
    near = [at.value for at in levels if low - reach <= at.value <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.08 * max(high - low, 1e-4)
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    for level in levels:
        if low <= level.value <= high:
            axes.axhline(
                level.value, color=level.colour, linestyle=level.dashes, linewidth=1.4, zorder=2
            )
    _label_levels(axes, levels, low, high)


def finish(axes: Axes, n_columns: int) -> None:
    """Put the legend below the axes."""
    axes.figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center", ncols=n_columns, frameon=False, fontsize=9,
    )  # fmt: skip


def _label_levels(axes: Axes, levels: Sequence[Level], low: float, high: float) -> None:
    ordered = sorted(levels, key=lambda level: level.value)
    wanted = np.array([(level.value - low) / (high - low) for level in ordered])
    for level, share, height in zip(ordered, wanted, spread(wanted, LABEL_GAP), strict=True):
        arrow = " \N{UPWARDS ARROW}" if share > 1 else " \N{DOWNWARDS ARROW}" if share < 0 else ""
        axes.annotate(
            level.name + arrow,
            xy=(1.01, height),
            xycoords="axes fraction",
            va="center",
            fontsize=9,
            color=level.colour,
            annotation_clip=False,
        )


def spread(wanted: Floats, gap: float) -> Floats:
    """Spread sorted positions in [0, 1] so that neighbours are at least `gap` apart."""
    placed = np.clip(wanted, 0.0, 1.0)
    for i in range(1, placed.size):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    for i in range(placed.size - 1, -1, -1):
        ceiling = 1.0 if i == placed.size - 1 else placed[i + 1] - gap
        placed[i] = min(placed[i], ceiling)
    return placed


def _cell_label(*, collapsed: bool, has_interval: bool) -> str:
    name = "collapsed cell" if collapsed else "cell mean"
    return f"{name}, 95 % interval" if has_interval else f"{name} over seeds"
