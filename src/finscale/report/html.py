"""One self-contained HTML page: opens offline, prints on paper."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from finscale.report.content import Report
from finscale.report.forecasts import forecast_caption, forecast_table
from finscale.report.tables import (
    cell_table,
    final_table,
    left_out_table,
    number_table,
    rival_table,
)

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(report: Report, figures: Mapping[str, Figure]) -> str:
    """Write the report as one HTML page without any outside resource.

    Parameters
    ----------
    report : Report
        What to show.
    figures : mapping of str to Figure
        Caption to figure, in order; they are embedded as SVG.
    """
    return render_template(
        "report.html.j2",
        figures,
        report=report,
        numbers=number_table(report),
        rivals=rival_table(report),
        forecasts=forecast_table(report),
        forecast_caption=forecast_caption(report),
        cells=cell_table(report),
        finals=final_table(report),
        left_out=left_out_table(report),
    )


def render_template(name: str, figures: Mapping[str, Figure], **shown: object) -> str:
    """Fill a template of this room, with figures embedded as SVG."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    embedded = [(caption, _data_uri(figure)) for caption, figure in figures.items()]
    return environment.get_template(name).render(figures=embedded, **shown)


def _unbroken(text: str) -> str:
    """Keep a number and what belongs to it on one line."""
    for pair in (" %", " = ", " < ", "n effective", "MCS p"):
        text = text.replace(pair, pair.replace(" ", "\N{NO-BREAK SPACE}"))
    return text


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
