"""Figures of the searches: trial histories, architectures tried, and importances, by budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from finscale.config import parse_budget
from finscale.evaluation import REFERENCE
from finscale.report.figures.canvas import BLACK, BLUE, GREY, ORANGE, SLATE, head, new_panels, plain
from finscale.report.problem import Report, best_trials, finished_of

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
# Status, marker and colour of trials without a loss, drawn at the lower edge of their panel.
WITHOUT_LOSS = (("pruned", "|", SLATE), ("diverged", "x", ORANGE), ("failed", "1", ORANGE))
# Trials beyond this many interquartile ranges above the others are drawn at the upper edge.
REACH = 4.0


def history_figure(report: Report) -> Figure:
    """Draw the trials of each budget in order: losses, the best so far, and trials without loss."""
    budgets = _budgets(report.trials)
    figure, panels = new_panels(len(budgets))
    losses = finished_of(report.trials)["val_loss"].to_numpy(dtype=np.float64)
    reference = report.baseline_loss(REFERENCE, "val_loss")
    low, high = _window(losses, reference)
    for axes, budget in zip(panels, budgets, strict=True):
        mine = report.trials[report.trials["budget"] == budget].sort_values("number")
        axes.set_ylim(low, high)
        _history(axes, mine, high)
        if reference is not None:
            axes.axhline(reference, color=BLACK, linewidth=1.1, linestyle=(0, (5, 2)))
        n_ok = int((mine["status"] == "ok").sum())
        head(axes, f"{budget}: {n_ok} of {len(mine)} finished")
    figure.supylabel("validation loss (nats)", fontsize=9)
    figure.supxlabel("trial number", fontsize=9)
    figure.legend(
        handles=_history_legend(), loc="outside upper center", ncols=7, frameon=False, fontsize=8
    )
    return figure


def shape_figure(report: Report) -> Figure:
    """Draw depth against width of all trials; darker markers are better within their budget."""
    figure = Figure(figsize=(9.0, 5.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    plain(axes, "both")
    best = set(best_trials(report.trials)["run_id"])
    budgets = _budgets(report.trials)
    for marker, budget in zip(_cycled(len(budgets)), budgets, strict=True):
        mine = finished_of(report.trials[report.trials["budget"] == budget]).iloc[::-1]
        shades = np.linspace(0.85, 0.0, len(mine)) if len(mine) > 1 else np.zeros(1)
        width, depth = (mine[name].to_numpy(dtype=np.float64) for name in ("d_model", "n_layers"))
        # The best trial is drawn last, so that nothing hides it.
        axes.scatter(
            width, depth, s=46, marker=marker, c=[str(shade) for shade in shades],
            edgecolors="#555555", linewidths=0.6, zorder=3,
        )  # fmt: skip
        ringed = mine["run_id"].isin(best).to_numpy()
        axes.scatter(
            width[ringed], depth[ringed], s=190, marker="o", facecolors="none",
            edgecolors=BLUE, linewidths=1.8, zorder=4,
        )  # fmt: skip
    _mark_axes(axes, report.trials)
    figure.legend(
        handles=_shape_legend(budgets), loc="outside right center", frameon=False, fontsize=9,
        title="budget", alignment="left",
    )  # fmt: skip
    return figure


def importance_figure(report: Report) -> Figure:
    """Draw the share of the loss's variance that each hyperparameter explains, by budget."""
    shares = pd.DataFrame({name: pd.Series(dict(by)) for name, by in report.importances.items()})
    shares = shares.loc[shares.mean(axis=1).sort_values().index]
    budgets = sorted(report.importances, key=parse_budget)
    figure, panels = new_panels(len(budgets), height=0.9 + 0.2 * len(shares))
    places = np.arange(len(shares))
    for axes, budget in zip(panels, budgets, strict=True):
        values = shares[budget].to_numpy(dtype=np.float64)
        plain(axes, "x")
        axes.grid(axis="y", visible=False)
        axes.barh(places, np.nan_to_num(values), color=BLUE, height=0.65)
        for place, value in zip(places, values, strict=True):
            said = "not varied" if np.isnan(value) else f"{value:.2f}"
            axes.text(
                float(np.nan_to_num(value)) + 0.02, float(place), said, va="center", fontsize=7.5
            )
        axes.set_xlim(0.0, 1.15)
        axes.set_yticks(places, [str(name).replace("_", " ") for name in shares.index])
        head(axes, budget)
    figure.supxlabel("share of the explained variance of the validation loss", fontsize=9)
    return figure


def _budgets(trials: pd.DataFrame) -> list[str]:
    return sorted(trials["budget"].astype(str).unique(), key=parse_budget)


def _window(losses: np.ndarray, reference: float | None) -> tuple[float, float]:
    """Return the y limits, from the quartiles of the losses, the best loss and the reference."""
    known = [] if reference is None else [reference]
    if not len(losses):
        known = known or [0.0]
        return known[0] - 0.05, known[0] + 0.05
    quartiles = np.quantile(losses, [0.25, 0.75])
    reach = quartiles[1] + REACH * max(quartiles[1] - quartiles[0], 1e-3)
    low, high = min([losses.min(), *known]), max([min(losses.max(), reach), *known])
    margin = max(high - low, 1e-3)
    return float(low - 0.18 * margin), float(high + 0.08 * margin)


def _history(axes: Axes, mine: pd.DataFrame, high: float) -> None:
    ok = mine[(mine["status"] == "ok") & mine["val_loss"].notna()]
    number, loss = (ok[name].to_numpy(dtype=np.float64) for name in ("number", "val_loss"))
    beyond = loss > high
    axes.scatter(number[~beyond], loss[~beyond], s=20, color=GREY, linewidths=0, zorder=3)
    edge = axes.get_xaxis_transform()
    axes.scatter(
        number[beyond], np.full(beyond.sum(), 0.97), s=26, marker="^", color=GREY, zorder=3,
        transform=edge,
    )  # fmt: skip
    axes.step(number, np.minimum.accumulate(loss), where="post", color=BLUE, linewidth=1.8)
    for status, marker, colour in WITHOUT_LOSS:
        at = mine["number"][mine["status"] == status].to_numpy(dtype=np.float64)
        axes.scatter(
            at, np.full(len(at), 0.05), s=34, marker=marker, color=colour, linewidths=1.4,
            transform=edge, zorder=3,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _history_legend() -> list[Line2D]:
    def dot(marker: str, colour: str, label: str) -> Line2D:
        return Line2D([], [], linestyle="none", marker=marker, color=colour, label=label)

    return [
        dot("o", GREY, "finished trial"),
        Line2D([], [], color=BLUE, linewidth=1.8, label="best so far"),
        Line2D([], [], color=BLACK, linestyle=(0, (5, 2)), linewidth=1.1, label="reference"),
        dot("^", GREY, "finished, far above"),
        *(dot(marker, colour, status) for status, marker, colour in WITHOUT_LOSS),
    ]


def _shape_legend(budgets: list[str]) -> list[Line2D]:
    marks = [
        Line2D([], [], linestyle="none", marker=marker, markerfacecolor="0.45",
               markeredgecolor="#555555", markersize=7, label=budget)
        for marker, budget in zip(_cycled(len(budgets)), budgets, strict=True)
    ]  # fmt: skip
    ring = Line2D([], [], linestyle="none", marker="o", markerfacecolor="none",
                  markeredgecolor=BLUE, markeredgewidth=1.8, markersize=11,
                  label="best of its budget")  # fmt: skip
    return [*marks, ring]


def _mark_axes(axes: Axes, trials: pd.DataFrame) -> None:
    """Label the widths and depths that occur, on log2 axes."""
    for axis, scale, name in (
        (axes.xaxis, axes.set_xscale, "d_model"),
        (axes.yaxis, axes.set_yscale, "n_layers"),
    ):
        scale("log", base=2)
        values = sorted({float(value) for value in trials[name].dropna()})
        axis.set_major_locator(FixedLocator(values))
        axis.set_minor_locator(NullLocator())
        axis.set_ticklabels([f"{value:.0f}" for value in values])
    axes.set_xlabel("width: d_model (log scale)", fontsize=9)
    axes.set_ylabel("depth: layers (log scale)", fontsize=9)
    axes.margins(0.12)


def _cycled(n: int) -> list[str]:
    return [MARKERS[place % len(MARKERS)] for place in range(n)]
