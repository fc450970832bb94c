"""Publishing of an analysis: stores reports, figures, numbers, and the note of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from finscale.laws import SlopeDifference
from finscale.report import (
    Drawing,
    Overview,
    Report,
    draw,
    heat_map,
    panels_figure,
    render_html,
    render_note,
    render_overview_html,
    render_summary,
    save_figure,
    tidy_numbers,
)
from finscale.tracking import Artifact, Run, Tag, verdict_metrics

CAPTIONS = {
    "heat_map": "Difference from the reference by problem and budget, means over seeds.",
    "panels": "Cells with 95 % intervals on a common scale and the fitted slope with its 95 % "
    "band. Hollow squares are collapsed cells.",
}


def publish(
    run: Run,
    title: str,
    question: str,
    reports: Mapping[str, Report],
    differences: Sequence[SlopeDifference],
) -> None:
    """Store verdicts, figures and reports.

    If a study has several problems, each gets a folder, and an overview is stored beside them.
    """
    answers = [report.verdict.answer.value for report in reports.values()]
    run.tag({Tag.VERDICT: "; ".join(answers)})
    run.note(render_note(list(reports.values())))
    run.text(Artifact.FULL_NOTE.value, "\n\n".join(map(render_summary, reports.values())))
    for problem, report in reports.items():
        _publish_one(run, report, problem if len(reports) > 1 else None)
    if len(reports) > 1:
        _publish_overview(
            run, Overview(title, question, tuple(reports.values()), tuple(differences))
        )


def _publish_one(run: Run, report: Report, folder: str | None) -> None:
    run.metric(verdict_metrics(report.verdict.numbers, folder))
    drawings = draw(report)
    with TemporaryDirectory() as scratch:
        html = Path(scratch) / Artifact.REPORT.value
        html.write_text(render_html(report, drawings), encoding="utf-8")
        numbers = Path(scratch) / Artifact.NUMBERS.value
        tidy_numbers(report).to_parquet(numbers, index=False)
        drawn = [save_figure(one.figure, Path(scratch), name) for name, one in drawings.items()]
        for path in (html, numbers, *(path for paths in drawn for path in paths)):
            run.file(path, folder)


def _publish_overview(run: Run, overview: Overview) -> None:
    figures = {"heat_map": heat_map(overview), "panels": panels_figure(overview)}
    drawings = [Drawing(figure, CAPTIONS[name]) for name, figure in figures.items()]
    links = {report.problem: f"{report.problem}/{Artifact.REPORT}" for report in overview.reports}
    with TemporaryDirectory() as scratch:
        html = Path(scratch) / Artifact.REPORT.value
        html.write_text(render_overview_html(overview, drawings, links), encoding="utf-8")
        drawn = [save_figure(figure, Path(scratch), name) for name, figure in figures.items()]
        for path in (html, *(path for paths in drawn for path in paths)):
            run.file(path)
