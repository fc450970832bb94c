"""Figures of residuals and extrapolations of the laws, and of calibration."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from finscale.config import format_size
from finscale.report.figures.canvas import (
    BLACK,
    BLUE,
    GREY,
    PURPLE,
    head,
    mark_sizes,
    new_panels,
    plain,
)
from finscale.report.problem import (
    LEVEL,
    Extrapolation,
    Report,
    extrapolations_of,
    fitted_law,
    residuals_of,
)

# Factor by which the residuals of two laws at one size are shifted apart.
ASIDE = 1.05


def residual_figure(report: Report) -> Figure:
    """Draw the residuals of every cell, and the laws extrapolated by one decade."""
    figure = Figure(figsize=(9.0, 4.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        plain(axes)
        axes.set_xscale("log")
        axes.axhline(0.0, color=BLACK, linewidth=1.0)
    _residuals(left, report)
    _continued(right, report)
    for axes in (left, right):
        axes.set_xlabel("true number of parameters (log scale)", fontsize=9)
    names = {
        label: handle
        for axes in (left, right)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        names.values(),
        names.keys(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8.5,
    )
    return figure


def calibration_figure(report: Report) -> Figure:
    """Draw forecasts against outcomes, one panel per forecast."""
    names = list(dict.fromkeys(report.calibration["name"]))
    figure, panels = new_panels(len(names), n_columns=4, height=2.6)
    end = _end(report.calibration)
    for axes, name in zip(panels, names, strict=True):
        _curve(axes, report.calibration[report.calibration["name"] == name], end)
        first, _, rest = name.partition(", ")
        head(axes, f"{first}\n{rest}" if rest else first)
    said = "mean probability of a bin" if report.is_binary else "nominal level of the interval"
    came = "share of ones" if report.is_binary else "share of days inside"
    figure.supxlabel(said, fontsize=9)
    figure.supylabel(f"{came}, 95 % interval", fontsize=9)
    return figure


def _residuals(axes: Axes, report: Report) -> None:
    cells = report.cells
    sizes, middle, low, high = (
        cells[name].to_numpy(dtype=np.float64)
        for name in ("n_params", "difference", "ci_low", "ci_high")
    )
    errors = np.maximum(np.stack([middle - low, high - middle]), 0.0)
    styles = {"log-linear": ("o", BLUE, BLUE), "power law": ("D", PURPLE, "white")}
    found = residuals_of(report)
    for place, (name, left) in enumerate(found.items()):
        marker, colour, face = styles[name]
        shift = ASIDE ** (2 * place - 1) if len(found) > 1 else 1.0
        axes.errorbar(
            sizes * shift, left, yerr=errors, fmt=marker, color=colour, markerfacecolor=face,
            markersize=5.5, capsize=3, linewidth=1.2, label=f"cell minus {name}, 95 % interval",
        )  # fmt: skip
    mark_sizes(axes, sizes)
    axes.set_ylabel("residual (nats a day)", fontsize=9)
    head(axes, "Residuals of the laws")


def _continued(axes: Axes, report: Report) -> None:
    sizes, middle = (
        report.cells[name].to_numpy(dtype=np.float64) for name in ("n_params", "difference")
    )
    x = np.geomspace(sizes.min() / 1.3, 10.0 * sizes.max(), 201)
    axes.axvspan(sizes.max(), x[-1] * 1.6, color="#f0f0f0", linewidth=0, zorder=0)
    axes.scatter(sizes, middle, s=30, color=BLUE, zorder=5, label="cell mean")
    line, law = report.verdict.slope, fitted_law(report)
    if line:
        axes.fill_between(
            x, *line.band(x, LEVEL), color=BLUE, alpha=0.15, linewidth=0,
            label="95 % band of the line",
        )  # fmt: skip
        axes.plot(x, line.predict(x), color=BLUE, linewidth=1.6, label="log-linear (least squares)")
    if law:
        axes.plot(x, law.predict(x), color=PURPLE, linestyle="--", linewidth=1.6, label="power law")
    _ends(axes, extrapolations_of(report))
    axes.set_xlim(x[0], x[-1] * 1.6)
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda size, _: format_size(int(size)))
    axes.set_ylabel("difference from the reference (nats a day)", fontsize=9)
    head(axes, "Extrapolation by a decade (grey: beyond the largest size)")


def _ends(axes: Axes, ends: list[Extrapolation]) -> None:
    for end in ends:
        if end.law == "power law" and math.isfinite(end.low) and math.isfinite(end.high):
            axes.errorbar(
                end.n_params, end.value,
                yerr=np.maximum([[end.value - end.low], [end.high - end.value]], 0.0),
                fmt="D", color=PURPLE, markerfacecolor="white", markersize=5.5, capsize=4,
                label="power law's next decade, 95 % interval",
            )  # fmt: skip


def _curve(axes: Axes, bins: pd.DataFrame, end: float) -> None:
    said, came, low, high = (
        bins[name].to_numpy(dtype=np.float64) for name in ("forecast", "frequency", "low", "high")
    )
    plain(axes, "both")
    axes.plot([0.0, end], [0.0, end], color=GREY, linewidth=1.0, linestyle=(0, (5, 2)))
    errors = np.maximum(np.stack([came - low, high - came]), 0.0)
    axes.errorbar(
        said, came, yerr=errors, fmt="o-", color=BLUE, markersize=4, capsize=2, linewidth=1.1
    )
    axes.set_xlim(0.0, end)
    axes.set_ylim(0.0, end)


def _end(calibration: pd.DataFrame) -> float:
    seen = calibration[["forecast", "high"]].to_numpy(dtype=np.float64)
    return min(1.0, 1.05 * float(seen.max()))
