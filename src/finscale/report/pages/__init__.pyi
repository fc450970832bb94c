from .table import DASH, MINUS, Table, markdown, show
from .template import Drawing, embedded, embedded_png, render_template

__all__ = [
    "DASH",
    "MINUS",
    "Drawing",
    "Table",
    "embedded",
    "embedded_png",
    "markdown",
    "render_template",
    "show",
]
