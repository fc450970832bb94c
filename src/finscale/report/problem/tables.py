"""Tables of a report: numbers of the verdict, cells, finals, rival laws and runs left out."""

from __future__ import annotations

import pandas as pd

from finscale.config import format_size
from finscale.laws import FitStatus
from finscale.report.pages import DASH, Table, show
from finscale.report.problem.content import Report

# Remark on a fit beside its exponent.
FIT_WORDS = {
    FitStatus.CONVERGED: "",
    FitStatus.BOUND_HIT: "at the end of the searched range",
    FitStatus.MAX_ITERATIONS: "the fit did not converge",
    FitStatus.NOT_IDENTIFIABLE: "not identifiable from these sizes",
}

# Name in `Verdict.numbers`, label, and format.
NUMBERS = (
    ("slope", "slope, nats a day per decade", "+.5f"),
    ("slope_se", "its standard error", ".5f"),
    ("slope_dof", "degrees of freedom of the slope's interval", ".1f"),
    ("ci90_low", "90 % interval, low", "+.5f"),
    ("ci90_high", "90 % interval, high", "+.5f"),
    ("ci95_low", "95 % interval, low", "+.5f"),
    ("ci95_high", "95 % interval, high", "+.5f"),
    ("delta", "smallest slope that matters (delta)", ".5f"),
    ("smallest_detectable", "smallest slope detectable here", ".5f"),
    ("days_needed", "days to detect delta, seeds in proportion", ",.0f"),
    ("chi2", "misfit: chi squared of a straight line", ".2f"),
    ("chi2_dof", "its degrees of freedom", ".0f"),
    ("train_slope", "training loss per decade", "+.5f"),
    ("p_value", "p-value of the claim", ".4f"),
    ("p_adjusted", "the same among the study's verdicts (Holm)", ".4f"),
    ("law_E", "power law E + A N^-alpha: E", "+.5f"),
    ("law_A", "A", ".4g"),
    ("law_alpha", "alpha", ".3f"),
    ("law_alpha_low", "alpha, 95 % interval, low", ".3f"),
    ("law_alpha_high", "alpha, 95 % interval, high", ".3f"),
    ("law_chi2", "chi squared of the power law", ".2f"),
    ("law_chi2_dof", "its degrees of freedom", ".0f"),
    ("law_p", "its p-value", ".3f"),
    ("next_decade_gain", "fall predicted for the next decade", "+.5f"),
    ("next_decade_gain_low", "the same, 95 % interval, low", "+.5f"),
    ("next_decade_gain_high", "the same, 95 % interval, high", "+.5f"),
    ("held_out", "largest size held out: observed", "+.5f"),
    ("held_out_predicted", "predicted by the power law of the others", "+.5f"),
    ("held_out_low", "95 % prediction interval, low", "+.5f"),
    ("held_out_high", "95 % prediction interval, high", "+.5f"),
    ("held_out_error_power", "error of the power law", ".5f"),
    ("held_out_error_log", "error of the logarithm", ".5f"),
    ("held_out_error_constant", "error of the constant", ".5f"),
)


def number_table(report: Report) -> Table:
    """Return a table of the numbers that decided."""
    numbers = report.verdict.numbers
    rows = ((label, show(numbers[key], form)) for key, label, form in NUMBERS if key in numbers)
    return Table(("number", "value"), tuple(rows))


def rival_table(report: Report) -> Table:
    """Return a table of rival laws; a dash if there are too few sizes to fit or judge a law."""
    rows = tuple(
        (
            rival.form,
            str(rival.n_constants),
            show(rival.objective, ".2f"),
            show(rival.aicc, ".2f"),
            show(rival.held_out_error, ".5f"),
            rival.status.value.replace("_", " "),
            ", ".join(f"{name} = {show(value, '.4g')}" for name, value in rival.constants.items()),
        )
        for rival in report.rivals
    )
    header = (
        "law",
        "constants",
        "chi squared",
        "AICc",
        "held-out error (nats)",
        "status",
        "fitted",
    )
    return Table(header, rows, below=("fitted",))


def cell_table(report: Report) -> Table:
    """Return a table of cells with size, seeds and architecture, one row per cell."""
    rows = tuple(
        (
            str(row["budget"]),
            format_size(int(row["n_params"])),
            str(int(row["n_seeds"])),
            show(row["train_loss"], ".4f"),
            str(row["architecture"]),
            "collapsed" if row["collapsed"] else "",
            " ".join(row["run_ids"]),
        )
        for _, row in report.cells.iterrows()
    )
    header = ("budget", "parameters", "seeds", "training loss", "architecture", "note", "runs")
    return Table(header, rows, code=("runs",), below=("runs",))


def calibration_table(report: Report) -> Table:
    """Return a table of the forecasts whose calibration is shown."""
    rows = tuple(
        (str(name), f"{n_samples_of(report, bins):,.0f}", str(bins["run_id"].iloc[0]))
        for name, bins in report.calibration.groupby("name", sort=False)
    )
    return Table(("forecast", "samples", "run"), rows, code=("run",))


def n_samples_of(report: Report, bins: pd.DataFrame) -> float:
    """Return the samples behind a curve: each is in one bin, but in every interval level."""
    return float(bins["n"].sum() if report.is_binary else bins["n"].max())


def final_table(report: Report) -> Table:
    """Return a table of finals, one row per run."""
    opened = (("test_loss", ".4f"), ("difference", "+.4f")) if report.is_open else ()
    columns = (("val_loss", ".4f"), *opened)
    rows = tuple(
        (
            str(row["budget"]),
            format_size(int(row["n_params"])),
            str(int(row["seed"])),
            *(show(row[name], form) for name, form in columns),
            str(row["run_id"]),
        )
        for _, row in report.finals.iterrows()
    )
    header = ("budget", "parameters", "seed", *(_title(name) for name, _ in columns), "run")
    return Table(header, rows, code=("run",))


def left_out_table(report: Report) -> Table:
    """Return a table of the runs that no number of the report includes."""
    frame = report.left_out
    rows = zip(frame["run_id"], frame["status"], frame["reason"], strict=True)
    texts = tuple(tuple(_text(value) for value in row) for row in rows)
    return Table(("run", "status", "reason"), texts, code=("run",), is_prose=True)


def _text(value: object) -> str:
    return DASH if value is None or value != value else str(value)


def _title(column: str) -> str:
    return (
        "difference (nats)"
        if column == "difference"
        else column.replace("_", " ").replace("val ", "validation ")
    )
