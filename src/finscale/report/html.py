"""One self-contained HTML page: opens offline, prints on paper."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from finscale.report.canvas import Drawing
from finscale.report.content import Report
from finscale.report.sections import sections

_TEMPLATES = Path(__file__).parent / "templates"


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


def embedded(drawing: Drawing) -> tuple[str, str]:
    """Return a drawing's caption and the figure as an address that holds it."""
    buffer = io.BytesIO()
    drawing.figure.savefig(buffer, format="svg", metadata={"Date": None})
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return drawing.caption, f"data:image/svg+xml;base64,{content}"


def embedded_png(caption: str, picture: bytes) -> tuple[str, str]:
    """Return a caption and a PNG picture as an address that holds it."""
    return caption, f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"


def render_template(name: str, **shown: object) -> str:
    """Fill a template of this room."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment.get_template(name).render(**shown)


def _unbroken(text: str) -> str:
    """Keep a number and what belongs to it on one line."""
    for pair in (" %", " = ", " < ", " → ", "n effective", "MCS p"):
        text = text.replace(pair, pair.replace(" ", "\N{NO-BREAK SPACE}"))
    return text
