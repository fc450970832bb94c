from .figures import heat_map, panels_figure
from .overview import Overview, render_overview_html

__all__ = [
    "Overview",
    "heat_map",
    "panels_figure",
    "render_overview_html",
]
