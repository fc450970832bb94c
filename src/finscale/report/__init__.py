"""Figures, the HTML report and the note of an analysis, drawn from tidy frames."""

from finscale.report.canvas import Drawing
from finscale.report.content import Report
from finscale.report.data_report import DataReport, overview_drawing, png, render_data_html
from finscale.report.dictionary import STATISTICS, Chapter, Column, render_dictionary
from finscale.report.drawings import draw
from finscale.report.figures import save_figure, scaling_figure, validation_figure
from finscale.report.html import render_html
from finscale.report.numbers import tidy_numbers
from finscale.report.overview import Overview, render_overview_html
from finscale.report.overview_figures import heat_map, panels_figure
from finscale.report.summary import render_note, render_summary
from finscale.report.tables import Table

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
