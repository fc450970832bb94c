"""The scaling figure: differences from the reference on test days, or validation losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finscale.laws import Slope, Verdict
from finscale.report.canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Floats,
    Level,
    draw_cells,
    draw_levels,
    draw_seeds,
    finish,
    mark_sizes,
    new_axes,
)
from finscale.report.content import REFERENCE, Report
from finscale.report.tables import show

_STYLES: dict[str, tuple[str, str | tuple[int, tuple[int, ...]]]] = {
    REFERENCE: (BLACK, "solid"),
    "prior": (ORANGE, (0, (1, 2))),
    "logistic": (GREEN, (0, (7, 2, 1, 2))),
}


def scaling_figure(report: Report) -> Figure:
    """Draw the paired difference from the reference against the true size.

    Cells with 95 % intervals, seeds as faint dots, the fitted line with its 95 % band, the
    slopes within ±delta as a wedge, the reference at zero, other baselines as lines.
    """
    assert report.is_open, "a closed test has no differences: draw validation_figure"
    cells = report.cells
    figure, axes = new_axes(
        report.title, subtitle(report), "paired difference from the reference (nats a day)"
    )
    sizes = cells["n_params"].to_numpy(dtype=np.float64)
    mark_sizes(axes, sizes)
    low, middle, high = (
        cells[name].to_numpy(dtype=np.float64) for name in ("ci_low", "difference", "ci_high")
    )
    _draw_line(axes, report.verdict)
    _draw_power_law(axes, report)
    draw_seeds(axes, report.finals, "difference")
    # A percentile interval need not hold its own mean where seeds are few.
    errors = np.maximum(np.stack([middle - low, high - middle]), 0.0)
    draw_cells(axes, cells, "difference", errors)
    seeds = report.finals["difference"].dropna().to_numpy(dtype=np.float64)
    seen = [low, high, middle, seeds, np.zeros(1)]
    draw_levels(axes, _levels(report, "test_loss", relative=True), np.concatenate(seen))
    finish(axes, n_columns=3)
    return figure


def validation_figure(report: Report) -> Figure:
    """Draw validation losses against the true size: all there is while the test is closed."""
    figure, axes = new_axes(
        report.title,
        "Validation only: the loss that selection has seen. " + subtitle(report),
        "validation loss (nats)",
    )
    cells = report.cells
    mark_sizes(axes, cells["n_params"].to_numpy(dtype=np.float64))
    draw_seeds(axes, report.finals, "val_loss")
    draw_cells(axes, cells, "val_loss", None)
    seen = np.concatenate([cells["val_loss"], report.finals["val_loss"]]).astype(np.float64)
    draw_levels(axes, _levels(report, "val_loss", relative=False), seen)
    finish(axes, n_columns=3)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``<name>.png`` and ``<name>.svg`` into `folder`, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    figure.savefig(png, dpi=160)
    # Without a date, the same study gives the same file.
    figure.savefig(svg, metadata={"Date": None})
    return png, svg


def subtitle(report: Report) -> str:
    """Give the verdict in the few words that fit above a figure."""
    line, interval = report.verdict.slope, report.verdict.interval_95
    gate = report.verdict.gate
    answer = f"Verdict: {report.verdict.answer.value}"
    if gate is not None:
        return f"{answer} (gate {gate.name})"
    assert line and interval, "a verdict without a gate has a slope"
    slope, low, high = (show(value, "+.4f") for value in (line.slope, *interval))
    return f"{answer}: {slope} nats a decade, 95 % interval [{low}, {high}]" + (
        " (exploratory)" if report.exploratory else ""
    )


def _levels(report: Report, column: str, *, relative: bool) -> list[Level]:
    reference = report.baseline_loss(REFERENCE, column)
    levels = []
    for name, (colour, dashes) in _STYLES.items():
        loss = report.baseline_loss(name, column)
        if loss is None or (relative and reference is None):
            continue
        value = loss - reference if relative and reference is not None else loss
        is_level = not relative or name == REFERENCE
        label = f"{name} ({loss:.4f})" if is_level else f"{name} {show(value, '+.4f')}"
        levels.append(Level(label, value, colour, dashes))
    return levels


def _draw_line(axes: Axes, verdict: Verdict) -> None:
    line, delta, dof = verdict.slope, verdict.delta, verdict.variance_dof
    if line is None or delta is None or dof is None:
        return
    sizes = np.geomspace(*axes.get_xlim(), 101)
    _draw_wedge(axes, line, delta, sizes)
    low, high = line.band(sizes, 0.95, dof)
    axes.fill_between(sizes, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95 % band")
    axes.plot(sizes, line.predict(sizes), color=BLUE, linewidth=1.8, label="slope (GLS)")


def _draw_wedge(axes: Axes, line: Slope, delta: float, sizes: Floats) -> None:
    reach = delta * np.abs(np.log10(sizes) - line.centre)
    axes.fill_between(
        sizes, line.intercept - reach, line.intercept + reach, facecolor="none", edgecolor=GREY,
        hatch="////", linewidth=0, alpha=0.5, label=f"slopes within ±{delta:.4f}: flat",
    )  # fmt: skip


def _draw_power_law(axes: Axes, report: Report) -> None:
    law = report.power_law
    if law is None or not np.isfinite(law.alpha):
        return
    sizes = np.geomspace(*axes.get_xlim(), 101)
    label = f"power law, exponent {law.alpha:.2f} ({law.status.value})"
    axes.plot(sizes, law.predict(sizes), color=PURPLE, linestyle="--", linewidth=1.5, label=label)
