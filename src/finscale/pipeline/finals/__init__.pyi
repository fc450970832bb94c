from .context import CellContext
from .perceptron import ensure_perceptron
from .selection import Chosen, choose, mark
from .training import train_finals

__all__ = [
    "CellContext",
    "Chosen",
    "choose",
    "ensure_perceptron",
    "mark",
    "train_finals",
]
