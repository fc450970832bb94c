from .canvas import Drawing
from .content import Report
from .data_report import DataReport, overview_drawing, png, render_data_html
from .drawings import draw
from .figures import save_figure, scaling_figure, validation_figure
from .html import render_html
from .numbers import tidy_numbers
from .overview import Overview, render_overview_html
from .overview_figures import heat_map, panels_figure
from .summary import render_note, render_summary
from .tables import Table, markdown, show

__all__ = [
    "DataReport",
    "Drawing",
    "Overview",
    "Report",
    "Table",
    "draw",
    "heat_map",
    "markdown",
    "overview_drawing",
    "panels_figure",
    "png",
    "render_data_html",
    "render_html",
    "render_note",
    "render_overview_html",
    "render_summary",
    "save_figure",
    "scaling_figure",
    "show",
    "tidy_numbers",
    "validation_figure",
]
