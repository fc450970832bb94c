from .canvas import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SLATE,
    Floats,
    draw_cells,
    mark_sizes,
)
from .drawings import draw
from .scaling import save_figure, scaling_figure, short_answer, validation_figure

__all__ = [
    "BLACK",
    "BLUE",
    "BROWN",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SLATE",
    "Floats",
    "draw",
    "draw_cells",
    "mark_sizes",
    "save_figure",
    "scaling_figure",
    "short_answer",
    "validation_figure",
]
