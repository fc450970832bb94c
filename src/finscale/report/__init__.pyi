from .data import DataReport, overview_drawing, png, render_data_html
from .figures import draw, save_figure, scaling_figure, validation_figure
from .pages import Drawing, Table, markdown, show
from .problem import Report, render_html, render_note, render_summary, tidy_numbers
from .study import Overview, heat_map, panels_figure, render_overview_html

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
