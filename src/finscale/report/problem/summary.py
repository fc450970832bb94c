"""Markdown summary of each problem, and the note of the analysis run made from them."""

from __future__ import annotations

from collections.abc import Sequence

from finscale.report.pages import markdown
from finscale.report.problem.content import Report
from finscale.report.problem.forecasts import forecast_caption, forecast_table
from finscale.report.problem.searches import architecture_table, search_sentence
from finscale.report.problem.tables import cell_table, number_table
from finscale.report.problem.transfer import budget_changes, notable_sentences

# MLflow cuts a tag silently after 8,000 characters.
MAX_NOTE = 7_500
ELSEWHERE = "The rest is among the artifacts: report.html, and summary.md with the full text."


def render_note(reports: Sequence[Report], limit: int = MAX_NOTE) -> str:
    """Return the note of an analysis run: the full summaries, or a shorter form that fits.

    Parameters
    ----------
    reports : sequence of Report
        One report per problem.
    limit : int
        Most characters of the note.

    Returns
    -------
    str
        The joined summaries. If they are too long, the verdicts with their openings. If these are
        too long as well, as many answers as fit, and the number of the others.
    """
    whole = "\n\n".join(render_summary(report) for report in reports)
    if len(whole) <= limit:
        return whole
    heads = [
        f"# {report.title}\n\n**{report.verdict.reason}**\n\n{report.opening_sentence}"
        for report in reports
    ]
    short = "\n\n".join([*heads, ELSEWHERE])
    return short if len(short) <= limit else _answers(reports, limit)


def _searched(report: Report) -> list[str]:
    return [search_sentence(report), *notable_sentences(budget_changes(report.trials))]


def _answers(reports: Sequence[Report], limit: int) -> str:
    """List the answers, one per line, as far as they fit."""
    lines = [f"- {report.title}: **{report.verdict.answer.value}**" for report in reports]

    def listed(n_shown: int) -> str:
        n_more = len(lines) - n_shown
        more = f"\n\nand {n_more} more" if n_more else ""
        return "\n".join(lines[:n_shown]) + f"{more}\n\n{ELSEWHERE}"

    fitting = (n for n in range(len(lines), 0, -1) if len(listed(n)) <= limit)
    return listed(next(fitting, 0)).lstrip()


def render_summary(report: Report) -> str:
    """Return the summary of a report as Markdown.

    It contains the verdict, the comparison with the reference, the opening of the test, the
    numbers that decided, and the tables of forecasts and cells. The HTML report has the rest.
    """
    head = [
        f"# {report.title}",
        f"**{report.verdict.reason}**",
        " ".join(filter(None, [report.against_reference, report.against_logistic])),
        report.superior_sentence,
        report.still_improving,
        report.unlike_epochs,
        report.opening_sentence,
    ]
    forecasts = [forecast_caption(report), report.base_rate_sentence]
    tables = [
        ("Numbers that decided", [], number_table(report)),
        ("Forecasts", forecasts, forecast_table(report)),
        ("Cells", [], cell_table(report)),
        ("Best architectures", _searched(report), architecture_table(report)),
    ]
    body = [
        "\n\n".join(filter(None, [f"## {name}", *texts, markdown(table)]))
        for name, texts, table in tables
        if table.rows
    ]
    tail = f"Runs left out, named in the report: {len(report.left_out)}."
    return "\n\n".join(filter(None, [*head, *body, tail])) + "\n"
