from .perceptron import ensure_perceptron
from .selection import Chosen, choose, mark
from .training import Bench, train_finals

__all__ = [
    "Bench",
    "Chosen",
    "choose",
    "ensure_perceptron",
    "mark",
    "train_finals",
]
