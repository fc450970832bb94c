"""Figures of a report by name, with their captions."""

from __future__ import annotations

from finscale.laws import FitStatus
from finscale.report.figures.laws import calibration_figure, residual_figure
from finscale.report.figures.scaling import scaling_figure, validation_figure
from finscale.report.figures.searches import history_figure, importance_figure, shape_figure
from finscale.report.pages import Drawing
from finscale.report.problem import (
    FIT_WORDS,
    Report,
    extrapolations_of,
    finished_of,
    fitted_law,
    residuals_of,
)


def draw(report: Report) -> dict[str, Drawing]:
    """Draw all figures for which the report has data.

    Returns
    -------
    dict of str to Drawing
        ``scaling`` (only if the test is open), ``validation``, and those of ``residuals``,
        ``shapes``, ``histories``, ``importances`` and ``calibration`` that have data.
    """
    drawn: dict[str, Drawing] = {}
    if report.is_open:
        drawn["scaling"] = Drawing(scaling_figure(report), _scaling_caption(report))
    drawn["validation"] = Drawing(
        validation_figure(report),
        "Validation loss against true size. Dots are finals, larger markers are cell means over "
        "seeds, and lines are baselines. This loss was used for selection.",
    )
    if report.is_open and residuals_of(report):
        drawn["residuals"] = Drawing(residual_figure(report), residual_caption(report))
    return drawn | _of_searches(report) | _of_calibration(report)


def _of_searches(report: Report) -> dict[str, Drawing]:
    drawn: dict[str, Drawing] = {}
    if not finished_of(report.trials).empty:
        drawn["shapes"] = Drawing(
            shape_figure(report),
            "Depth against width of every finished trial. Darker markers are better among the "
            "trials of their budget; a ring marks the best trial of each budget.",
        )
    if not report.trials.empty:
        drawn["histories"] = Drawing(
            history_figure(report),
            "Validation loss of every trial by its number, one panel per budget on a common scale. "
            "Pruned, diverged and failed trials have no loss and are shown at the lower edge. "
            "Finished trials far above the others are shown at the upper edge.",
        )
    if report.importances:
        drawn["importances"] = Drawing(
            importance_figure(report),
            "Importance of each hyperparameter for the validation loss of a budget's finished "
            "trials (fANOVA: Hutter, Hoos & Leyton-Brown 2014), over the ranges that were tried. "
            "With few trials these values are rough, and within a budget width and depth depend on "
            "each other.",
        )
    return drawn


def _of_calibration(report: Report) -> dict[str, Drawing]:
    if report.calibration.empty:
        return {}
    days = "test days" if report.is_open else "validation days, which were used for selection"
    how = (
        "Bins have equal counts. Intervals are Wilson's and treat days as independent. Below the "
        "dashed line, the forecast probabilities are too high."
        if report.is_binary
        else "Intervals are central intervals of the raw Gaussian forecast, before any conformal "
        "widening. Below the dashed line, they are too narrow."
    )
    caption = f"Forecast against outcome on {days}. {how} Each cell is shown by its best seed."
    return {"calibration": Drawing(calibration_figure(report), caption)}


def _scaling_caption(report: Report) -> str:
    return (
        "Paired difference from the reference on the same test days against true size; negative "
        "is better. Cells are shown with 95 % intervals over days and seeds"
        + (", and the fitted slope with its 95 % band." if report.verdict.slope else ".")
    )


def residual_caption(report: Report) -> str:
    """Return the caption of the residuals and of the extrapolated laws."""
    said = [
        "Left: each cell's difference from the reference minus a law, with the cell's own 95 % "
        "interval. Right: the laws extrapolated by one decade beyond the largest size. Nothing was "
        "measured there, and a law that fits need not hold there."
    ]
    law = fitted_law(report)
    has_interval = any(
        end.law == "power law" and end.low == end.low for end in extrapolations_of(report)
    )
    if law and law.status is not FitStatus.CONVERGED:
        words = FIT_WORDS[law.status]
        said.append(f"The exponent of the power law is not determined ({words}): no interval.")
    elif law and not has_interval:
        said.append(
            "The power law has no interval there, because the procedure determines its form only "
            "if the loss falls over six sizes or more."
        )
    return " ".join(said)
