"""Scaling figures: differences from the reference on test days, and validation losses, by size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finscale.evaluation import REFERENCE
from finscale.laws import Slope, Verdict
from finscale.report.figures.canvas import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SLATE,
    Floats,
    Level,
    draw_cells,
    draw_levels,
    draw_seeds,
    finish,
    mark_sizes,
    new_axes,
)
from finscale.report.pages import show
from finscale.report.problem import FIT_WORDS, Report, baseline_titles

STYLES: dict[str, tuple[str, str | tuple[int, tuple[int, ...]]]] = {
    REFERENCE: (BLACK, "solid"),
    "prior": (ORANGE, (0, (1, 2))),
    "logistic": (GREEN, (0, (7, 2, 1, 2))),
    "linear": (GREEN, (0, (7, 2, 1, 2))),
    "boosting": (BROWN, (0, (9, 3))),
    "bayes": (PURPLE, (0, (3, 1))),
    "mlp": (SLATE, (0, (4, 1, 1, 1, 1, 1))),
}


def scaling_figure(report: Report) -> Figure:
    """Draw the paired difference from the reference against the true size.

    It shows cells with 95 % intervals, seeds as faint dots, the fitted line with its 95 % band,
    slopes within ±delta as a wedge, the reference at zero, and other baselines as lines.
    """
    assert report.is_open, "a closed test has no differences: draw validation_figure"
    cells = report.cells
    figure, axes = new_axes(
        report.title,
        _answer_with_slope(report),
        "paired difference from the reference (nats a day)",
    )
    sizes = cells["n_params"].to_numpy(dtype=np.float64)
    mark_sizes(axes, sizes)
    low, middle, high = (
        cells[name].to_numpy(dtype=np.float64) for name in ("ci_low", "difference", "ci_high")
    )
    _draw_line(axes, report.verdict)
    _draw_power_law(axes, report)
    draw_seeds(axes, report.finals, "difference")
    # With few seeds, a percentile interval may not contain the mean.
    errors = np.maximum(np.stack([middle - low, high - middle]), 0.0)
    draw_cells(axes, cells, "difference", errors)
    seeds = report.finals["difference"].dropna().to_numpy(dtype=np.float64)
    seen = [low, high, middle, seeds, np.zeros(1)]
    draw_levels(axes, _levels(report, "test_loss", relative=True), np.concatenate(seen))
    finish(axes, n_columns=3)
    return figure


def validation_figure(report: Report) -> Figure:
    """Draw validation losses against the true size, which are known while the test is closed."""
    figure, axes = new_axes(
        report.title,
        "Validation only: this loss was used for selection. " + short_answer(report),
        "validation loss (nats)",
    )
    cells = report.cells
    mark_sizes(axes, cells["n_params"].to_numpy(dtype=np.float64))
    draw_seeds(axes, report.finals, "val_loss")
    draw_cells(axes, cells, "val_loss", None)
    # The reference must be visible, because cells are compared with it.
    reference = report.baselines.loc[report.baselines["name"] == REFERENCE, "val_loss"].dropna()
    seen = np.concatenate([cells["val_loss"], report.finals["val_loss"], reference])
    draw_levels(axes, _levels(report, "val_loss", relative=False), seen.astype(np.float64))
    finish(axes, n_columns=3)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``<name>.png`` and ``<name>.svg`` into `folder`, which is created if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    figure.savefig(png, dpi=160)
    # Without a date, the same study gives an identical file.
    figure.savefig(svg, metadata={"Date": None})
    return png, svg


def short_answer(report: Report) -> str:
    """Return the verdict in a few words that fit above a figure."""
    gate = report.verdict.gate
    marks = [
        f"gate {gate.name}" if gate else "",
        "exploratory" if report.is_open and report.exploratory else "",
        "partial" if report.is_open and report.partial else "",
    ]
    said = ", ".join(filter(None, marks))
    return f"Verdict: {report.verdict.answer.value}" + (f" ({said})" if said else "")


def _answer_with_slope(report: Report) -> str:
    line, interval = report.verdict.slope, report.verdict.interval_95
    if line is None or interval is None:
        return short_answer(report)
    slope, low, high = (show(value, "+.4f") for value in (line.slope, *interval))
    return f"{short_answer(report)}: {slope} nats a decade, 95 % interval [{low}, {high}]"


def _levels(report: Report, column: str, *, relative: bool) -> list[Level]:
    """Return a level for each baseline of the problem.

    Size-matched baselines are points at one size and not levels. They are drawn only if there is
    just one.
    """
    reference = report.baseline_loss(REFERENCE, column)
    if relative and reference is None:
        return []
    shown = report.baselines.assign(title=baseline_titles(report.baselines))
    shown = shown[shown["name"].isin(STYLES) & shown[column].notna()]
    is_matched = shown["budget"].notna()
    shown = shown[~is_matched] if is_matched.sum() > 1 else shown
    levels = []
    for name, title, loss in shown[["name", "title", column]].itertuples(index=False):
        is_difference = relative and name != REFERENCE
        label = (
            f"{title} {show(loss - reference, '+.4f')}"
            if is_difference
            else f"{title} ({show(loss, '.4f')})"
        )
        levels.append(Level(label, loss - reference if relative else loss, *STYLES[name]))
    return levels


def _draw_line(axes: Axes, verdict: Verdict) -> None:
    line, delta = verdict.slope, verdict.delta
    if line is None or delta is None:
        return
    sizes = np.geomspace(*axes.get_xlim(), 101)
    _draw_wedge(axes, line, delta, sizes)
    low, high = line.band(sizes, 0.95)
    axes.fill_between(sizes, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95 % band")
    axes.plot(sizes, line.predict(sizes), color=BLUE, linewidth=1.8, label="slope (least squares)")


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
    words = FIT_WORDS[law.status]
    label = f"power law, exponent {law.alpha:.2f}" + (f" ({words})" if words else "")
    axes.plot(sizes, law.predict(sizes), color=PURPLE, linestyle="--", linewidth=1.5, label=label)
