from .data import DataReport, overview_drawing, png, render_data_html
from .dictionary import STATISTICS, Chapter, Column, render_dictionary
from .figures import draw, save_figure, scaling_figure, validation_figure
from .pages import Drawing, Table
from .problem import Report, render_html, render_note, render_summary, tidy_numbers
from .study import Overview, heat_map, panels_figure, render_overview_html

__all__ = [
    "STATISTICS",
    "Chapter",
    "Column",
    "DataReport",
    "Drawing",
    "Overview",
    "Report",
    "Table",
    "draw",
    "heat_map",
    "overview_drawing",
    "panels_figure",
    "png",
    "render_data_html",
    "render_dictionary",
    "render_html",
    "render_note",
    "render_overview_html",
    "render_summary",
    "save_figure",
    "scaling_figure",
    "tidy_numbers",
    "validation_figure",
]
