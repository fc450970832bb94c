"""Table of forecasts: models and baselines with losses, differences, skills and intervals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from finscale.evaluation import REFERENCE
from finscale.report.pages import DASH, MINUS, Table, show
from finscale.report.problem.content import Report
from finscale.report.problem.frames import BINARY_SCORES, RETURN_SCORES

# Forecasts with at least this p-value are in the set that contains the best with 95 % confidence.
MCS_LEVEL = 0.05

Row = Mapping[Hashable, Any]
Column = tuple[str, Callable[[Row], str]]


def forecast_table(report: Report) -> Table:
    """Return a table with one row per forecast, on test days or, if the test is closed, validation.

    Empty columns are left out.
    """
    columns = _open_columns(report) if report.is_open else _closed_columns(report)
    columns = [("forecast", lambda row: str(row["forecast"])), *columns]
    columns.append(("run", lambda row: str(row["run_id"])))
    rows = report.forecasts().to_dict("records")
    texts = {name: [text_of(row) for row in rows] for name, text_of in columns}
    kept = {name: values for name, values in texts.items() if set(values) - {DASH, ""}}
    return Table(tuple(kept), tuple(zip(*kept.values(), strict=True)), ("run",), ("run",))


def forecast_caption(report: Report) -> str:
    """Explain the columns of the table of forecasts."""
    skill = (
        f"1 {MINUS} loss / reference loss"
        if report.is_binary
        else f"1 {MINUS} exp(difference), a ratio of densities"
    )
    if not report.is_open:
        return (
            "All forecasts on the same validation days, which were used for selection. Losses are "
            "in nats; a PatchTST is the mean over its seeds. Difference: loss minus the "
            f"reference's; negative is better. Skill: {skill}."
        )
    days = f"{report.n_days:,} test days" if report.n_days is not None else "test days"
    explained = {
        "difference": "Difference: loss minus the reference's, paired by day; negative is better",
        "skill": f"Skill: {skill}; both with 95 % intervals",
        "coverage": "Coverage: share of days inside the 90 % interval",
        "n effective": "n effective: independent days that the paired differences are worth",
        "MCS p": "MCS p: p-value in the model confidence set (Hansen, Lunde & Nason 2011); "
        f"with {MCS_LEVEL} or more, a forecast is in the set that contains the best with 95 % "
        "confidence",
    }
    header = forecast_table(report).header
    head = (
        f"All forecasts on the same {days}. Losses are in nats; a PatchTST is the mean over its "
        "seeds"
    )
    return ". ".join([head, *(said for name, said in explained.items() if name in header)]) + "."


def _open_columns(report: Report) -> list[Column]:
    return [
        _number("loss", "test_loss", ".4f"),
        _interval("difference", ("difference", "ci_low", "ci_high"), "+.4f"),
        _interval("skill", ("test_skill", "skill_low", "skill_high"), "+.2%"),
        *_scores(report, "test"),
        _number("n effective", "n_effective", ",.0f"),
        ("MCS p", lambda row: _in_set(row["mcs_p"])),
        _number("validation loss", "val_loss", ".4f"),
    ]


def _closed_columns(report: Report) -> list[Column]:
    reference = report.baseline_loss(REFERENCE, "val_loss")
    zero = float("nan") if reference is None else reference

    def difference(row: Row) -> str:
        return DASH if row["forecast"] == REFERENCE else show(row["val_loss"] - zero, "+.4f")

    return [
        _number("validation loss", "val_loss", ".4f"),
        ("difference", difference),
        _number("skill", "val_skill", "+.2%"),
        *_scores(report, "val"),
    ]


def _scores(report: Report, part: str) -> list[Column]:
    scores = BINARY_SCORES if report.is_binary else RETURN_SCORES
    return [_number(title, f"{part}_{name}", form) for title, name, form in scores]


def _number(title: str, column: str, form: str) -> Column:
    return title, lambda row: show(row[column], form)


def _interval(title: str, columns: tuple[str, str, str], form: str) -> Column:
    """Return a column with an estimate and, if there is one, its interval on a second line."""

    def text(row: Row) -> str:
        middle, low, high = (show(row[name], form) for name in columns)
        return middle if DASH in (low, high) else f"{middle}\n[{low}, {high}]"

    return title, text


def _in_set(p_value: float) -> str:
    return show(p_value, ".3f") + ("\nin the set" if p_value >= MCS_LEVEL else "")
