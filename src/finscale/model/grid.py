"""The architecture grid: every PatchTST on the axes whose exact size fits a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from finscale.config import ConfigError, format_size
from finscale.model.architecture import Architecture
from finscale.model.sizing import count_params

TOLERANCE = 0.25


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Values each dimension may take (design: *Defaults*)."""

    d_model: tuple[int, ...] = (
        16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
    )  # fmt: skip
    n_layers: tuple[int, ...] = (
        2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256,
    )  # fmt: skip
    n_heads: tuple[int, ...] = (2, 4, 8, 16, 32)
    ff_ratio: tuple[int, ...] = (2, 4)
    pinned: dict[str, int] = field(default_factory=dict)


def architectures(
    budget: int,
    *,
    n_channels: int,
    axes: Axes | None = None,
    context_length: int = 60,
    patch_length: int = 10,
    patch_stride: int = 5,
    n_outputs: int = 1,
    tolerance: float = TOLERANCE,
) -> tuple[Architecture, ...]:
    """Return every architecture whose exact size lies within the tolerance of the budget.

    Parameters
    ----------
    budget : int
        Number of parameters aimed at.
    axes : Axes, optional
        Values to choose from; ``axes.pinned`` fixes `d_model`, `n_layers`, `n_heads` or `d_ff`,
        also to a value that is not on its axis.
    tolerance : float
        Largest relative distance of the size from the budget.

    Raises
    ------
    ConfigError
        If none fits; the nearest sizes are named.

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
    grid = [replace(blank, **shape) for shape in _shapes(axes or Axes())]
    fitting = [arch for arch in grid if fits(arch, budget, tolerance)]
    if not fitting:
        raise _none_fits(grid, budget, tolerance, axes or Axes())
    return tuple(sorted(fitting, key=lambda a: (a.d_model, a.n_layers, a.n_heads, a.d_ff)))


def fits(arch: Architecture, budget: int, tolerance: float = TOLERANCE) -> bool:
    """Tell whether the exact size lies within the tolerance of the budget."""
    return abs(count_params(arch).total - budget) <= tolerance * budget


def _shapes(axes: Axes) -> Iterator[dict[str, Any]]:
    """Combine the axes; heads must divide the width."""
    pinned = axes.pinned

    def values(name: str, free: Iterable[int]) -> Iterable[int]:
        return (pinned[name],) if name in pinned else free

    for d_model, n_layers, n_heads in product(
        values("d_model", axes.d_model),
        values("n_layers", axes.n_layers),
        values("n_heads", axes.n_heads),
    ):
        if d_model % n_heads == 0:
            for d_ff in values("d_ff", (ratio * d_model for ratio in axes.ff_ratio)):
                yield {"d_model": d_model, "n_layers": n_layers, "n_heads": n_heads, "d_ff": d_ff}


def _none_fits(grid: list[Architecture], budget: int, tolerance: float, axes: Axes) -> ConfigError:
    sizes = sorted({count_params(arch).total for arch in grid}, key=lambda n: abs(n - budget))
    pins = ", ".join(f"{name}={value}" for name, value in axes.pinned.items())
    nearest = " and ".join(format_size(size) for size in sorted(sizes[:2]))
    return ConfigError(
        "budget",
        expected=f"a size that some architecture meets within {tolerance:.0%}",
        got=format_size(budget) + (f" with {pins}" if pins else ""),
        todo=f"The nearest sizes are {nearest}."
        if sizes
        else "No architecture has these values: n_heads must divide d_model.",
    )
