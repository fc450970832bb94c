"""Tables of the cells' searches: best architectures, success rates, best and worst runs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from finscale.config import counted, parse_budget
from finscale.report.pages import Table, show
from finscale.report.problem.content import Report
from finscale.report.problem.transfer import best_trials, finished_of

STATUSES = ("ok", "pruned", "diverged", "failed", "refused")
N_EXTREMES = 3

Row = Mapping[Hashable, Any]


def architecture_table(report: Report) -> Table:
    """Return a table of the architecture of each budget's best trial, with its budget use."""
    rows = tuple(
        (
            str(row["budget"]),
            str(row["name"]),
            f"{row['d_model']:.0f} × {row['n_layers']:.0f}",
            f"{row['n_heads']:.0f}",
            show(row["d_ff"] / row["d_model"], ".3g"),
            show(depth_to_width(row), ".3f"),
            f"{row['n_params']:,.0f}",
            show(100.0 * budget_use(row), "+.1f") + " %",
            show(row["val_loss"], ".4f"),
            str(row["run_id"]),
        )
        for row in best_trials(report.trials).to_dict("records")
    )
    header = (
        *("budget", "trial", "width × depth", "heads", "d_ff / width", "depth / width"),
        *("parameters", "budget use", "validation loss", "run"),
    )
    return Table(header, rows, code=("run",), below=("run",))


def budget_use(row: Row) -> float:
    """Return the difference of the true size from the budget, as a share of the budget."""
    return float(row["n_params"]) / parse_budget(str(row["budget"])) - 1.0


def depth_to_width(row: Row) -> float:
    """Return the number of layers per unit of width."""
    return float(row["n_layers"]) / float(row["d_model"])


def extreme_table(report: Report) -> Table:
    """Return a table of the best and worst finished trials and finals by validation loss."""
    rows = [
        (
            kind,
            place,
            str(row["budget"]),
            str(row["name"]) if kind == "trial" else f"seed {row['seed']:.0f}",
            show(row["val_loss"], ".4f"),
            str(row["run_id"]),
        )
        for kind, runs in (("trial", report.trials), ("final", finals_of(report)))
        for place, row in extremes_of(runs)
    ]
    header = ("kind", "place", "budget", "what", "validation loss", "run")
    return Table(header, tuple(rows), code=("run",))


def extremes_of(runs: pd.DataFrame) -> list[tuple[str, Row]]:
    """Return the best three runs and the worst three of the rest, with their places."""
    ordered = finished_of(runs).to_dict("records")
    best, rest = ordered[:N_EXTREMES], ordered[N_EXTREMES:]
    worst = rest[::-1][:N_EXTREMES]
    named = [(f"best {place}", row) for place, row in enumerate(best, start=1)]
    return named + [(f"worst {place}", row) for place, row in enumerate(worst, start=1)]


def success_table(report: Report) -> Table:
    """Return a table of the numbers of runs by status, one row per budget and kind."""
    rows = tuple(
        (
            kind,
            budget,
            *(str(int(counts[status])) for status in STATUSES),
            str(int(counts["n_runs"])),
            show(100.0 * counts["share_ok"], ".0f") + " %",
        )
        for (kind, budget), counts in success_counts(report).items()
    )
    return Table(("kind", "budget", *STATUSES, "runs", "share ok"), rows)


def success_counts(report: Report) -> dict[tuple[str, str], dict[str, float]]:
    """Count trials and finals by status, for each budget."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for kind, runs in (("trial", report.trials), ("final", finals_of(report))):
        for budget in sorted(runs["budget"].astype(str).unique(), key=parse_budget):
            ends = runs["status"][runs["budget"] == budget]
            counts = {status: float((ends == status).sum()) for status in STATUSES}
            n_runs = float(len(ends))
            found[kind, budget] = {**counts, "n_runs": n_runs, "share_ok": counts["ok"] / n_runs}
    return found


def finals_of(report: Report) -> pd.DataFrame:
    """Return all finals that were started, or those of the cells if others are not known."""
    return report.finals.assign(status="ok") if report.attempts.empty else report.attempts


def search_sentence(report: Report) -> str:
    """Return a sentence on the number of trials."""
    n_trials = len(report.trials)
    if not n_trials:
        return "The store holds no trial of a search behind these cells."
    n_ok = int((report.trials["status"] == "ok").sum())
    return (
        f"{counted(n_trials, 'trial')} of the searches behind the cells, {n_ok} of them finished."
    )


def importance_sentence(report: Report) -> str:
    """Return a sentence on budgets without importances; empty if all have them."""
    if report.trials.empty:
        return ""
    budgets = sorted(report.trials["budget"].astype(str).unique(), key=parse_budget)
    missing = [budget for budget in budgets if budget not in report.importances]
    if not missing:
        return ""
    return (
        "Importances are missing where finished trials are too few or do not differ: "
        f"{', '.join(missing)}."
    )
