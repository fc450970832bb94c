"""Numbers of the searches of a report, as rows of the tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from finscale.config import TRAINING_AXES
from finscale.report.problem.content import Report
from finscale.report.problem.frames import TRIALS
from finscale.report.problem.searches import budget_use, depth_to_width, finals_of, success_counts
from finscale.report.problem.transfer import best_trials, budget_changes

# Section, item, run ids, quantity, value.
Row = tuple[str, str, str, str, float]

_TEXTS = {"run_id", "budget", "status", "name", "reason", "start_time"}


def search_numbers(report: Report) -> Iterator[Row]:
    """Yield the numbers of trials, best trials, success rates and importances."""
    yield from _trials(report)
    yield from _attempts(report)
    yield from _best(report)
    yield from _success(report)
    for budget, shares in report.importances.items():
        yield from rows_of("importance", budget, _runs_of(report, "trial", budget), shares)


def rows_of(section: str, item: str, runs: str, numbers: Mapping[Any, Any]) -> Iterator[Row]:
    """Yield a row for each known number."""
    for name, value in numbers.items():
        if value is not None and np.isfinite(value):
            yield section, item, runs, str(name), float(value)


def _trials(report: Report) -> Iterator[Row]:
    names = [name for group in TRIALS for name in group if name not in _TEXTS]
    for row in report.trials.to_dict("records"):
        numbers = {name: float(row[name]) for name in names}
        yield from rows_of("trial", str(row["run_id"]), str(row["run_id"]), numbers)


def _attempts(report: Report) -> Iterator[Row]:
    """Yield numbers of finals that no cell uses; the others are listed as `final`."""
    known = set(report.finals["run_id"])
    for row in report.attempts.to_dict("records"):
        if row["run_id"] not in known:
            numbers = {name: float(row[name]) for name in ("seed", "n_params", "val_loss")}
            yield from rows_of("attempt", str(row["run_id"]), str(row["run_id"]), numbers)


def _best(report: Report) -> Iterator[Row]:
    for row in best_trials(report.trials).to_dict("records"):
        numbers = {
            "budget_use": budget_use(row),
            "depth_to_width": depth_to_width(row),
            "ff_ratio": row["d_ff"] / row["d_model"],
            "val_loss": row["val_loss"],
            **{name: float(row[name]) for name in TRAINING_AXES},
        }
        yield from rows_of("architecture", str(row["budget"]), str(row["run_id"]), numbers)
    for change in budget_changes(report.trials):
        item = f"{change.start} to {change.end}"
        yield from rows_of("transfer", item, " ".join(change.run_ids), {change.name: change.share})


def _success(report: Report) -> Iterator[Row]:
    for (kind, budget), counts in success_counts(report).items():
        yield from rows_of("success", f"{kind} {budget}", _runs_of(report, kind, budget), counts)


def _runs_of(report: Report, kind: str, budget: str) -> str:
    runs = report.trials if kind == "trial" else finals_of(report)
    return " ".join(runs["run_id"][runs["budget"] == budget].astype(str))
