"""Console summary of an analysis: the verdict, the results and the next commands."""

from __future__ import annotations

import io
import math
import os
import shlex
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from finscale.config import format_size
from finscale.report import Report
from finscale.tracking import Artifact, Run

FAR_BELOW = -0.5
_TITLES = ("parameters", "seeds", "validation", "test", "difference", "95 % interval")


def console_summary(reports: Sequence[Report], run: Run) -> str:
    """Return the text printed at the end: the verdict of every problem and the next commands."""
    several = len(reports) > 1
    parts = [
        (f"{report.problem}\n" if several else "") + _verdict_lines(report) for report in reports
    ]
    return "\n\n".join([*parts, "\n".join(next_lines(run))])


def _verdict_lines(report: Report) -> str:
    said = [
        report.against_reference,
        report.against_logistic,
        report.superior_sentence,
        report.still_improving,
        report.unlike_epochs,
        report.opening_sentence,
    ]
    return "\n".join(
        [
            f"Verdict: {report.verdict.reason}",
            *filter(None, said),
            results_table(report),
            _skill_line(report),
        ]
    )


def results_table(report: Report) -> str:
    """Return a text table of all forecasts, models first."""
    titles = ("", *_TITLES, "skill" if report.is_open else "validation skill")
    rows = [_row(row, is_open=report.is_open) for row in report.forecasts().to_dict("records")]
    table = Table(box=box.SIMPLE_HEAD)
    # Empty columns are left out, such as intervals while the test set is closed.
    kept = [place for place in range(len(titles)) if any(row[place] for row in rows)]
    for place in kept:
        table.add_column(titles[place], justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(row[place] for place in kept))
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().rstrip()


def _skill_line(report: Report) -> str:
    """Return a line that explains the skill, and why a large loss makes it far below zero."""
    if not report.is_binary:
        return (
            "Skill: 1 - exp(difference) of a day; 0 % is the reference, below it the forecast "
            "gives what happened a lower density than the reference does."
        )
    shown = report.forecasts()["test_skill" if report.is_open else "val_skill"].dropna()
    line = "Skill: the share of the reference's loss that is saved; 0 % is the reference, below "
    lowest = float(shown.min()) if len(shown) else 0.0
    if lowest > FAR_BELOW:
        return f"{line}it is worse."
    return f"{line}it is worse ({lowest:.0%}: a loss of {1 - lowest:.1f} times the reference's)."


def _row(row: Mapping[Hashable, Any], *, is_open: bool) -> tuple[str, ...]:
    size, n_seeds = row["n_params"], row["n_seeds"]
    has_interval = math.isfinite(row["ci_low"])
    return (
        str(row["forecast"]),
        format_size(int(size)) if math.isfinite(size) else "",
        f"{n_seeds:.0f}" if math.isfinite(n_seeds) else "",
        _number(row["val_loss"], ".4f"),
        _number(row["test_loss"], ".4f") if is_open else "closed",
        _number(row["difference"], "+.4f"),
        f"[{row['ci_low']:+.4f}, {row['ci_high']:+.4f}]" if has_interval else "",
        _number(row["test_skill" if is_open else "val_skill"], "+.2%"),
    )


def next_lines(run: Run) -> list[str]:
    """Return the two commands that open the UI and the report."""
    lines = [f"Compare the runs:  {_ui_command()}"]
    path = run.artifact_path(Artifact.REPORT.value)
    if path:
        lines.append(f"Open the report:   {_relative(path)}")
    else:
        lines.append(f"Open the report:   mlflow artifacts download --run-id {run.run_id}")
    return lines


def _ui_command() -> str:
    mlflow = _relative(Path(sys.executable).parent / "mlflow")
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri.startswith("http"):
        return f"open {uri} in a browser"
    own = f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    where = [] if uri in ("", own) else ["--backend-store-uri", uri]
    return shlex.join([mlflow, "ui", *where])


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else ""
