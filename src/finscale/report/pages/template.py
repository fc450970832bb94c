"""Pages that hold all they need: filled templates, and figures as part of the text."""

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
    """A figure with the sentence below it."""

    figure: Figure
    caption: str


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
