"""Self-contained HTML page of a report, which opens offline and can be printed."""

from __future__ import annotations

from collections.abc import Mapping

from finscale.report.pages import Drawing, embedded, render_template
from finscale.report.problem.content import Report
from finscale.report.problem.sections import sections

# First figure of the page: test differences, or validation losses while the test is closed.
FIRST_OPEN, FIRST_CLOSED = ("scaling",), ("validation",)


def render_html(report: Report, drawings: Mapping[str, Drawing]) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    report : Report
        Content of the page.
    drawings : mapping of str to Drawing
        Figures by name, as returned by `draw`; they are embedded as SVG.
    """
    return render_template(
        "report.html.j2",
        report=report,
        sections=sections(report),
        first=FIRST_OPEN if report.is_open else FIRST_CLOSED,
        figures={name: embedded(drawing) for name, drawing in drawings.items()},
    )
