"""Every figure of a report by name, with the sentence below it."""

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
    """Draw what there is something to draw of.

    Returns
    -------
    dict of str to Drawing
        ``scaling`` (of an open test alone), ``validation``, and where there is anything:
        ``residuals``, ``shapes``, ``histories``, ``importances``, ``calibration``.
    """
    drawn: dict[str, Drawing] = {}
    if report.is_open:
        drawn["scaling"] = Drawing(scaling_figure(report), _scaling_caption(report))
    drawn["validation"] = Drawing(
        validation_figure(report),
        "Validation loss against true size: every final as a dot, cell means over seeds, and the "
        "baselines as lines. Selection has seen this loss.",
    )
    if report.is_open and residuals_of(report):
        drawn["residuals"] = Drawing(residual_figure(report), residual_caption(report))
    return drawn | _of_searches(report) | _of_calibration(report)


def _of_searches(report: Report) -> dict[str, Drawing]:
    drawn: dict[str, Drawing] = {}
    if not finished_of(report.trials).empty:
        drawn["shapes"] = Drawing(
            shape_figure(report),
            "Depth against width of every finished trial: the darker, the better among its "
            "budget's trials; the best of each budget is ringed.",
        )
    if not report.trials.empty:
        drawn["histories"] = Drawing(
            history_figure(report),
            "Every trial by its number, budget by budget on one scale. What was pruned, diverged "
            "or failed has no loss and stands at the lower edge; a finished trial far above the "
            "others stands at the upper edge.",
        )
    if report.importances:
        drawn["importances"] = Drawing(
            importance_figure(report),
            "Which hyperparameters the validation loss of a budget's finished trials depended on "
            "(fANOVA: Hutter, Hoos & Leyton-Brown 2014), over the ranges that were tried. Few "
            "trials make these rough, and within a budget width and depth are not free of each "
            "other.",
        )
    return drawn


def _of_calibration(report: Report) -> dict[str, Drawing]:
    if report.calibration.empty:
        return {}
    days = "test days" if report.is_open else "validation days, which selection has seen"
    how = (
        "Bins of equal count; intervals are Wilson's, as if days were independent; a model below "
        "the dashed line says more than comes true."
        if report.is_binary
        else "Central intervals of the raw Gaussian forecast, before any conformal widening; below "
        "the dashed line intervals are too narrow."
    )
    caption = f"What was said against what happened, on {days}. {how} Of a cell: its best seed."
    return {"calibration": Drawing(calibration_figure(report), caption)}


def _scaling_caption(report: Report) -> str:
    return (
        "Paired difference from the reference on the same test days against true size; negative "
        "is better. Cells with 95 % intervals over days and seeds"
        + (", the fitted slope with its 95 % band." if report.verdict.slope else ".")
    )


def residual_caption(report: Report) -> str:
    """Say what the residuals are of, and what the continued laws rest on."""
    said = [
        "Left: each cell's difference from the reference minus a law, with the cell's own 95 % "
        "interval. Right: the laws continued one decade beyond the largest size, where nothing "
        "was measured: a law that fits need not hold there."
    ]
    law = fitted_law(report)
    has_interval = any(
        end.law == "power law" and end.low == end.low for end in extrapolations_of(report)
    )
    if law and law.status is not FitStatus.CONVERGED:
        words = FIT_WORDS[law.status]
        said.append(f"The power law has no exponent of its own ({words}), hence no interval.")
    elif law and not has_interval:
        said.append(
            "The power law has no interval there: the procedure asks for its form only where the "
            "loss falls over six sizes or more."
        )
    return " ".join(said)
