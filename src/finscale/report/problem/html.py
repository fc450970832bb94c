"""One self-contained HTML page: opens offline, prints on paper."""

from __future__ import annotations

from collections.abc import Mapping

from finscale.report.pages import Drawing, embedded, render_template
from finscale.report.problem.content import Report
from finscale.report.problem.sections import sections

# What a reader sees first: differences on the test, or validation while that is closed.
FIRST_OPEN, FIRST_CLOSED = ("scaling",), ("validation",)


def render_html(report: Report, drawings: Mapping[str, Drawing]) -> str:
    """Write the report as one HTML page without any outside resource.

    Parameters
    ----------
    report : Report
        What to show.
    drawings : mapping of str to Drawing
        By name, as `draw` gives them; they are embedded as SVG.
    """
    return render_template(
        "report.html.j2",
        report=report,
        sections=sections(report),
        first=FIRST_OPEN if report.is_open else FIRST_CLOSED,
        figures={name: embedded(drawing) for name, drawing in drawings.items()},
    )
