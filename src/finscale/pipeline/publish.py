"""Store what an analysis has found: reports, figures, numbers, and the run's note."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from finscale.report import (
    Report,
    render_html,
    render_note,
    render_summary,
    save_figure,
    scaling_figure,
    tidy_numbers,
    validation_figure,
)
from finscale.tracking import Artifact, Run, Tag, verdict_metrics


def publish(run: Run, reports: Mapping[str, Report]) -> None:
    """Store verdicts, figures and reports; several problems of a study get a folder each."""
    answers = [report.verdict.answer.value for report in reports.values()]
    run.tag({Tag.VERDICT: "; ".join(answers)})
    run.note(render_note(list(reports.values())))
    run.text(Artifact.FULL_NOTE.value, "\n\n".join(map(render_summary, reports.values())))
    for problem, report in reports.items():
        _publish_one(run, report, problem if len(reports) > 1 else None)


def _publish_one(run: Run, report: Report, folder: str | None) -> None:
    run.metric(verdict_metrics(report.verdict.numbers, folder))
    figure = scaling_figure(report) if report.is_open else validation_figure(report)
    name = "scaling" if report.is_open else "validation"
    with TemporaryDirectory() as scratch:
        html = Path(scratch) / Artifact.REPORT.value
        html.write_text(render_html(report, {name: figure}), encoding="utf-8")
        numbers = Path(scratch) / Artifact.NUMBERS.value
        tidy_numbers(report).to_parquet(numbers, index=False)
        for path in (html, numbers, *save_figure(figure, Path(scratch), name)):
            run.file(path, folder)
