from .page import DataReport, overview_drawing, png, render_data_html

__all__ = [
    "DataReport",
    "overview_drawing",
    "png",
    "render_data_html",
]
