"""Self-contained HTML pages: filling of templates and embedding of figures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Drawing:
    """A figure with its caption."""

    figure: Figure
    caption: str


def embedded(drawing: Drawing) -> tuple[str, str]:
    """Return a drawing's caption and its figure as a data URI (SVG)."""
    buffer = io.BytesIO()
    drawing.figure.savefig(buffer, format="svg", metadata={"Date": None})
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return drawing.caption, f"data:image/svg+xml;base64,{content}"


def embedded_png(caption: str, picture: bytes) -> tuple[str, str]:
    """Return a caption and a PNG picture as a data URI."""
    return caption, f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"


def render_template(name: str, **shown: object) -> str:
    """Return a template of this room, filled with values."""
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
    """Use no-break spaces, so that a number and its unit or sign stay on one line."""
    for pair in (" %", " = ", " < ", " → ", "n effective", "MCS p"):
        text = text.replace(pair, pair.replace(" ", "\N{NO-BREAK SPACE}"))
    return text
