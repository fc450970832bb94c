"""Below these sizes a result says nothing, and the cell is refused."""

from __future__ import annotations

from finscale.config.bounds import Floor
from finscale.config.files import Named, load_named


class Floors(Named):
    """Smallest acceptable sample sizes; what a file leaves out is at its default.

    They decide what is refused and change no result: no part of an identity.

    Attributes
    ----------
    n_train, n_validation, n_test : int
        Samples of each part.
    n_minority : int
        Validation samples of the rarer class.
    n_effective : int
        Validation samples whose label intervals do not overlap.
    """

    name: str = "default"
    n_train: Floor = 250
    n_validation: Floor = 100
    n_test: Floor = 100
    n_minority: Floor = 20
    n_effective: Floor = 60


def load_floors(name: object) -> Floors:
    """Read floors by name; already loaded ones pass through."""
    return name if isinstance(name, Floors) else load_named("floors", name, Floors)
