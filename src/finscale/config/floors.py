"""Floors: the smallest sample sizes; a cell below one of them is refused."""

from __future__ import annotations

from finscale.config.bounds import Floor
from finscale.config.files import Named, load_named


class Floors(Named):
    """Smallest acceptable sample sizes; sizes that a file leaves out keep their default.

    Floors decide which cells are refused and change no result, so they are part of no identity.

    Attributes
    ----------
    n_train, n_validation, n_test : int
        Number of samples in each part.
    n_minority : int
        Number of validation samples of the rarer class.
    n_effective : int
        Number of validation samples whose label intervals do not overlap.
    """

    name: str = "default"
    n_train: Floor = 250
    n_validation: Floor = 100
    n_test: Floor = 100
    n_minority: Floor = 20
    n_effective: Floor = 60


def load_floors(name: object) -> Floors:
    """Load floors by name; `Floors` that are already loaded are returned as they are."""
    return name if isinstance(name, Floors) else load_named("floors", name, Floors)
