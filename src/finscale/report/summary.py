"""One page of Markdown: the note of the analysis run."""

from __future__ import annotations

from finscale.report.content import Report
from finscale.report.forecasts import forecast_caption, forecast_table
from finscale.report.tables import cell_table, markdown, number_table


def render_summary(report: Report) -> str:
    """Write the report's first page as Markdown.

    Verdict, standing against the reference, the test's opening, the numbers that decided, and
    the tables of forecasts and cells; what is longer stays in the HTML report.
    """
    head = [
        f"# {report.title}",
        f"**{report.verdict.reason}**",
        " ".join(filter(None, [report.against_reference, report.against_logistic])),
        report.superior_sentence,
        report.still_improving,
        report.opening_sentence,
    ]
    forecasts = [forecast_caption(report), report.base_rate_sentence]
    tables = [
        ("Numbers that decided", [], number_table(report)),
        ("Forecasts", forecasts, forecast_table(report)),
        ("Cells", [], cell_table(report)),
    ]
    body = [
        "\n\n".join(filter(None, [f"## {name}", *texts, markdown(table)]))
        for name, texts, table in tables
        if table.rows
    ]
    tail = [f"Runs left out, named in the report: {len(report.left_out)}."]
    if report.links:
        tail.append("\n".join(f"- [{name}]({address})" for name, address in report.links.items()))
    return "\n\n".join(filter(None, [*head, *body, *tail])) + "\n"
