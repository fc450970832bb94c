"""Below these sizes a result says nothing, and the cell is refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finscale.config.files import Frozen


class Floors(Frozen):
    """Smallest acceptable sample sizes.

    Attributes
    ----------
    n_train, n_validation, n_test : int
        Samples of each part.
    n_minority : int
        Validation samples of the rarer class.
    n_effective : int
        Validation samples whose label intervals do not overlap.
    """

    n_train: Annotated[int, Field(ge=1)] = 250
    n_validation: Annotated[int, Field(ge=1)] = 100
    n_test: Annotated[int, Field(ge=1)] = 100
    n_minority: Annotated[int, Field(ge=1)] = 20
    n_effective: Annotated[int, Field(ge=1)] = 60
