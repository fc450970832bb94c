"""The last lines of a verb: the verdict, the results, and where to look next."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from finscale.config import format_size
from finscale.report import Report
from finscale.tracking import Artifact, Run


def console_summary(report: Report, run: Run) -> str:
    """Write what a user reads at the end."""
    said = [report.against_reference, report.still_improving, report.opening_sentence]
    return "\n".join(
        [
            f"Verdict: {report.verdict.reason}",
            *filter(None, said),
            results_table(report),
            *next_lines(run),
        ]
    )


def results_table(report: Report) -> str:
    """Write the cells and the baselines as a table of text."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("", "parameters", "seeds", "validation", "test", "difference", "95 % interval"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for cell in report.cells.to_dict("records"):
        interval = f"[{cell['ci_low']:+.4f}, {cell['ci_high']:+.4f}]"
        table.add_row(
            f"PatchTST {cell['budget']}",
            format_size(int(cell["n_params"])),
            str(cell["n_seeds"]),
            f"{cell['val_loss']:.4f}",
            _number(cell["test_loss"], ".4f"),
            _number(cell["difference"], "+.4f"),
            interval if math.isfinite(cell["ci_low"]) else "closed",
        )
    for row in report.baselines.to_dict("records"):
        losses = (f"{row['val_loss']:.4f}", _number(row["test_loss"], ".4f"))
        table.add_row(str(row["name"]), "", "", *losses, "", "")
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().rstrip()


def next_lines(run: Run) -> list[str]:
    """Write the two commands that open the UI and the report."""
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
    return f"{mlflow} ui" if uri in ("", own) else f"{mlflow} ui --backend-store-uri {uri}"


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "closed"
