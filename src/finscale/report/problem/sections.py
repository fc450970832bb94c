"""Sections of a report in order, each with its title, sentences, figures and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from finscale.report.pages import Table
from finscale.report.problem.content import Report
from finscale.report.problem.control_text import CONTROL_CAPTION, control_sentence, control_table
from finscale.report.problem.forecasts import forecast_caption, forecast_table
from finscale.report.problem.searches import (
    architecture_table,
    extreme_table,
    importance_sentence,
    search_sentence,
    success_table,
)
from finscale.report.problem.tables import (
    calibration_table,
    cell_table,
    final_table,
    left_out_table,
    number_table,
    rival_table,
)
from finscale.report.problem.transfer import (
    best_trials,
    budget_changes,
    notable_sentences,
    transfer_table,
)


@dataclass(frozen=True)
class Section:
    """A heading followed by sentences, figures, tables, notes and a query, in this order.

    Attributes
    ----------
    title : str
        The heading.
    texts, notes : tuple of str
        Sentences before and after the figures and tables; empty ones are left out.
    figures : tuple of str
        Names of drawings; missing ones are left out.
    tables : tuple of (str, Table)
        Tables with their captions; tables without rows are left out.
    code : str
        Preformatted text.
    """

    title: str
    texts: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tables: tuple[tuple[str, Table], ...] = ()
    notes: tuple[str, ...] = ()
    code: str = ""

    @property
    def anchor(self) -> str:
        """Anchor of the section for links."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def sections(report: Report) -> tuple[Section, ...]:
    """Return the report's sections below the verdict and the scaling figure, in order."""
    return tuple(
        section
        for part in (_of_the_law, _of_forecasts, _of_residuals, _of_searches, _of_runs, _of_record)
        for section in part(report)
    )


def _of_the_law(report: Report) -> Iterator[Section]:
    numbers, rivals = number_table(report), rival_table(report)
    if numbers.rows:
        yield Section(
            "The numbers that decided",
            tables=(
                (
                    "All numbers of the procedure. The reference loss and all differences are "
                    "computed on the same days.",
                    numbers,
                ),
            ),
        )
    yield Section(
        "Scaling curves",
        # While the test is closed this figure is the first of the page.
        figures=("validation",) if report.is_open else (),
        tables=(("One row per size, with means over seeds.", cell_table(report)),),
    )
    if rivals.rows:
        yield Section(
            "Rival laws",
            texts=("The verdict comes from the procedure above, not from this table.",),
            tables=((RIVAL_CAPTION, rivals),),
        )


def _of_forecasts(report: Report) -> Iterator[Section]:
    yield Section(
        "Forecasts side by side: reference, baselines, models",
        texts=(report.base_rate_sentence,),
        tables=((forecast_caption(report), forecast_table(report)),),
    )


def _of_residuals(report: Report) -> Iterator[Section]:
    is_fitted = report.is_open and report.verdict.slope is not None
    why = (
        ""
        if is_fitted
        else "No law is fitted: "
        + ("a gate stopped the procedure." if report.is_open else "the test is closed.")
    )
    yield Section("Residuals and extrapolation", texts=(why,), figures=("residuals",))


def _of_searches(report: Report) -> Iterator[Section]:
    best = best_trials(report.trials)
    budgets = best["budget"].astype(str).tolist()
    yield Section(
        "Best architectures and budget use",
        texts=(search_sentence(report),),
        tables=((ARCHITECTURE_CAPTION, architecture_table(report)),),
        figures=("shapes",),
    )
    if not report.trials.empty:
        yield Section("Histories of the searches", figures=("histories",))
        yield Section(
            "Hyperparameters across budgets",
            texts=(importance_sentence(report),),
            figures=("importances",),
            tables=((TRANSFER_CAPTION, transfer_table(best, budgets, "budget")),),
            notes=notable_sentences(budget_changes(report.trials)),
        )
    is_shown = not report.calibration.empty
    missing = "" if is_shown else "No predictions are at hand to compare with what happened."
    caption = "The forecasts shown, with their numbers of samples."
    yield Section(
        "Calibration",
        texts=(missing,),
        figures=("calibration",),
        tables=((caption, calibration_table(report)),),
    )
    if report.control:
        names, controls = [report.problem], [report.control]
        yield Section(
            "Test of the procedure",
            texts=(control_sentence(names, controls),),
            tables=((CONTROL_CAPTION, control_table(names, controls)),),
        )


def _of_runs(report: Report) -> Iterator[Section]:
    caption = "Finished runs by validation loss, which was used for selection."
    yield Section("Best and worst runs", tables=((caption, extreme_table(report)),))
    yield Section("Success rate", tables=((SUCCESS_CAPTION, success_table(report)),))
    left_out = left_out_table(report)
    nothing = "" if left_out.rows else "Nothing: every run of the study is in the numbers above."
    yield Section(
        "Left out",
        texts=(nothing,),
        tables=(("Runs that no number above includes. Collapsed runs are included.", left_out),),
    )


def _of_record(report: Report) -> Iterator[Section]:
    yield Section("Openings of the test", texts=(report.opening_sentence,))
    yield Section("Finals", tables=(("All runs behind the cells.", final_table(report)),))
    yield Section(
        "How to get these numbers again",
        texts=("The tracking store is the only input. The exact query:",),
        code=report.query,
    )


RIVAL_CAPTION = (
    "Laws of the difference from the reference by size, fitted with the covariance of days and "
    "seeds. AICc: Akaike's criterion for small samples; lower is better. Held-out error: distance "
    "of the largest size from the prediction of a law fitted to the others. A dash: too few sizes. "
    "Fitted: E is the limit for large sizes and A the fall at N = 1, in nats a day; the logarithm "
    "has the level at the middle of the sizes and the slope per decade."
)
ARCHITECTURE_CAPTION = (
    "The best trial of each budget by validation loss. It is the luckiest of several, so finals "
    "over seeds decide. Budget use: difference of the true size from the budget."
)
TRANSFER_CAPTION = (
    "Training hyperparameters of each budget's best trial, and the change from the next smaller "
    "budget. The best trial is one outcome of a search; with few trials, changes are mostly chance."
)
SUCCESS_CAPTION = (
    "Numbers of trials and finals of these cells by status. Pruned trials are not failures: they "
    "were stopped because they were worse than the median."
)
