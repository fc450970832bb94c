"""The search space: architecture axes and training parameters, values only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from finscale.config.files import Named, load_named


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError("low < high")
    return bounds


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("values that differ")
    return values


# Drawn on a logarithmic scale, which has no zero; a rate of dropout has to leave something.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
LogBounds = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
ShareBounds = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
Axis = Annotated[
    tuple[Annotated[int, Field(gt=0, strict=True)], ...],
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

    d_model: Axis
    n_layers: Axis
    n_heads: Axis
    ff_ratio: Axis
    learning_rate: LogBounds
    weight_decay: LogBounds
    warmup_steps: Axis
    dropout: ShareBounds
    batch_size: Axis
    revin: Annotated[
        tuple[Annotated[bool, Field(strict=True)], ...],
        Field(min_length=1),
        AfterValidator(_distinct),
    ]
    context_length: Annotated[Axis | None, Field(exclude_if=lambda axis: axis is None)] = None
    patch_length: Annotated[Axis | None, Field(exclude_if=lambda axis: axis is None)] = None
    one_architecture: Annotated[bool, Field(exclude_if=lambda one: not one)] = False

    def values(self) -> dict[str, Any]:
        """Return everything but the name: equal values make an equal search."""
        return self.model_dump(exclude={"name"}, mode="json")


def load_space(name: object) -> Space:
    """Read a search space by name; an already loaded one passes through."""
    return name if isinstance(name, Space) else load_named("space", name, Space)
