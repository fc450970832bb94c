"""The search space: architecture axes and training parameters, values only."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, model_validator

from finscale.config.bounds import (
    BatchSize,
    Context,
    DecayBounds,
    Depth,
    DropoutBounds,
    Heads,
    Patch,
    RateBounds,
    Ratio,
    WarmUp,
    Width,
)
from finscale.config.errors import ConfigError
from finscale.config.files import Named, load_named

MOST_SHAPES = 100_000
"""Combinations of the architecture's axes: each is counted before a search begins."""


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("values that differ")
    return values


Value = TypeVar("Value")
Axis = Annotated[
    tuple[Annotated[Value, Field(strict=True)], ...],
    Field(min_length=1),
    AfterValidator(_distinct),
]


class Space(Named):
    """What a search may choose from (design: *Defaults*).

    Attributes
    ----------
    context_length, patch_length : tuple of int, optional
        Bars that a model sees, of the problem's at most, and bars in a patch; by default they are
        the problem's own.
    one_architecture : bool
        Leaves training parameters alone to the search: the architecture is the one in the middle
        of the budget's.

    Notes
    -----
    The last three came later: a dump leaves them out at their defaults.
    """

    d_model: Axis[Width]
    n_layers: Axis[Depth]
    n_heads: Axis[Heads]
    ff_ratio: Axis[Ratio]
    learning_rate: RateBounds
    weight_decay: DecayBounds
    warmup_steps: Axis[WarmUp]
    dropout: DropoutBounds
    batch_size: Axis[BatchSize]
    revin: Axis[bool]
    context_length: Annotated[Axis[Context] | None, Field(exclude_if=lambda axis: axis is None)] = (
        None
    )
    patch_length: Annotated[Axis[Patch] | None, Field(exclude_if=lambda axis: axis is None)] = None
    one_architecture: Annotated[bool, Field(exclude_if=lambda one: not one)] = False

    @model_validator(mode="after")
    def _can_be_counted(self) -> Space:
        axes = (self.d_model, self.n_layers, self.n_heads, self.ff_ratio)
        windows = (self.context_length or (1,), self.patch_length or (1,))
        if (n_shapes := math.prod(map(len, (*axes, *windows)))) > MOST_SHAPES:
            raise ConfigError(
                f"space {self.name}",
                expected=f"axes of {MOST_SHAPES:,} combinations at most",
                got=f"{n_shapes:,}",
                todo="Give fewer values.",
            )
        return self

    def values(self) -> dict[str, Any]:
        """Return everything but the name: equal values make an equal search."""
        return self.model_dump(exclude={"name"}, mode="json")


def load_space(name: object) -> Space:
    """Read a search space by name; an already loaded one passes through."""
    return name if isinstance(name, Space) else load_named("space", name, Space)
