"""The architecture grid: all PatchTSTs on the axes whose exact size fits a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any

from finscale.config import (
    CONTEXT_LENGTH,
    PATCH_LENGTH,
    PATCH_STRIDE,
    ConfigError,
    Space,
    format_size,
    load_space,
)
from finscale.model.architecture import Architecture
from finscale.model.sizing import count_params

TOLERANCE = 0.25


def architectures(
    budget: int,
    *,
    n_channels: int,
    space: Space | None = None,
    pins: Mapping[str, int] = MappingProxyType({}),
    context_length: int = CONTEXT_LENGTH,
    patch_length: int = PATCH_LENGTH,
    patch_stride: int = PATCH_STRIDE,
    n_outputs: int = 1,
    tolerance: float = TOLERANCE,
) -> tuple[Architecture, ...]:
    """Return every architecture whose exact size lies within the tolerance of the budget.

    Parameters
    ----------
    budget : int
        Target number of parameters.
    space : Space, optional
        Values of each axis; by default those of ``configs/search/default.yaml``.
    pins : mapping of str to int
        Fixed values of `d_model`, `n_layers`, `n_heads` or `d_ff`, which need not be on the axis.
    tolerance : float
        Largest relative distance of the size from the budget.

    Raises
    ------
    ConfigError
        If no architecture fits; the message gives the nearest sizes.

    Examples
    --------
    >>> from finscale.model import architectures, count_params
    >>> found = architectures(20_000, n_channels=25)
    >>> len(found)
    16
    >>> found[0].d_model, found[0].n_layers, count_params(found[0]).total
    (16, 4, 17521)
    """
    blank = Architecture(
        n_channels=n_channels,
        d_model=1,
        n_layers=1,
        n_heads=1,
        d_ff=1,
        context_length=context_length,
        patch_length=patch_length,
        patch_stride=patch_stride,
        n_outputs=n_outputs,
    )
    grid = [replace(blank, **shape) for shape in _shapes(space or load_space("default"), pins)]
    fitting = [arch for arch in grid if fits(arch, budget, tolerance)]
    if not fitting:
        raise _none_fits(grid, budget, tolerance, pins)
    return tuple(sorted(fitting, key=lambda a: (a.d_model, a.n_layers, a.n_heads, a.d_ff)))


def fits(arch: Architecture, budget: int, tolerance: float = TOLERANCE) -> bool:
    """Tell whether the exact size lies within the tolerance of the budget."""
    return abs(count_params(arch).total - budget) <= tolerance * budget


def _shapes(space: Space, pins: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield all combinations of the axes in which the number of heads divides the width."""

    def values(name: str, free: Iterable[int]) -> Iterable[int]:
        return (pins[name],) if name in pins else free

    for d_model, n_layers, n_heads in product(
        values("d_model", space.d_model),
        values("n_layers", space.n_layers),
        values("n_heads", space.n_heads),
    ):
        if d_model % n_heads == 0:
            for d_ff in values("d_ff", (ratio * d_model for ratio in space.ff_ratio)):
                yield {"d_model": d_model, "n_layers": n_layers, "n_heads": n_heads, "d_ff": d_ff}


def _none_fits(
    grid: list[Architecture], budget: int, tolerance: float, pins: Mapping[str, int]
) -> ConfigError:
    sizes = sorted({count_params(arch).total for arch in grid}, key=lambda n: abs(n - budget))
    pinned = ", ".join(f"{name}={value}" for name, value in pins.items())
    nearest = " and ".join(format_size(size) for size in sorted(sizes[:2]))
    return ConfigError(
        "budget",
        expected=f"a size that some architecture meets within {tolerance:.0%}",
        got=format_size(budget) + (f" with {pinned}" if pinned else ""),
        todo=f"The nearest sizes are {nearest}."
        if sizes
        else "No architecture has these values: n_heads must divide d_model.",
    )
