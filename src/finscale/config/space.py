"""The search space: values of the architecture's axes and of the training parameters."""

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
"""Most combinations of the architecture's axes: each is counted before a search begins."""


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
    """The values that a search may choose from.

    Attributes
    ----------
    context_length, patch_length : tuple of int, optional
        Number of bars that a model sees, at most the problem's, and number of bars in a patch. By
        default both are the problem's own.
    one_architecture : bool
        If true, only training parameters are searched, and the architecture is the median one of
        the budget.

    Notes
    -----
    A dump leaves out these three fields at their defaults, since they are newer than the others.
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
        """Return everything except the name: equal values make an equal search."""
        return self.model_dump(exclude={"name"}, mode="json")


def load_space(name: object) -> Space:
    """Load a search space by name; a `Space` that is already loaded is returned as it is."""
    return name if isinstance(name, Space) else load_named("space", name, Space)
