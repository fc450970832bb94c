"""The search space for Optuna, and the step from a draw to an architecture within the budget.

Width, depth and heads are drawn on separate axes, so that the sampler can learn from each. A
combination outside the budget is moved to the nearest architecture that fits. This architecture is
trained, and the sampler learns from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from finscale.config import ARCHITECTURE_AXES, Space
from finscale.model import Architecture

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Params = dict[str, Any]
AXES = ("d_model", "n_layers", "n_heads", "ff_ratio", "context_length", "patch_length")


@dataclass(frozen=True)
class SearchSpace:
    """The space of a search: architectures that fit, training parameters, and pinned values."""

    architectures: tuple[Architecture, ...]
    space: Space
    pins: Params

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return Optuna's distributions of the free dimensions."""
        # Imported here because a space is also used without searching.
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        space = self.space
        free: dict[str, BaseDistribution] = {}
        for axis in ("d_model", "n_layers", "n_heads"):
            counts = sorted({int(axis_value(arch, axis)) for arch in self.architectures})
            free[axis] = IntDistribution(counts[0], counts[-1], log=True)
        for axis in ("context_length", "patch_length"):
            bars = {int(axis_value(arch, axis)) for arch in self.architectures}
            if len(bars) > 1:
                free[axis] = IntDistribution(min(bars), max(bars), log=True)
        ratios = sorted({axis_value(arch, "ff_ratio") for arch in self.architectures})
        free["ff_ratio"] = FloatDistribution(ratios[0], ratios[-1], log=True)
        free_or_pinned: dict[str, BaseDistribution] = {
            "learning_rate": FloatDistribution(*space.learning_rate, log=True),
            "weight_decay": FloatDistribution(*space.weight_decay, log=True),
            "warmup_steps": CategoricalDistribution(space.warmup_steps),
            "dropout": FloatDistribution(*space.dropout),
            "batch_size": CategoricalDistribution(space.batch_size),
            "revin": CategoricalDistribution(space.revin),
        }
        unpinned = {k: v for k, v in free_or_pinned.items() if k not in self.pins}
        return {**free, **unpinned}

    def complete(self, draw: Params, arch: Architecture | None = None) -> Params:
        """Return the parameters to train for a draw, with an existing architecture and all pins."""
        arch = arch or nearest(self.architectures, draw)
        training = {k: v for k, v in self.pins.items() if k not in ARCHITECTURE_AXES}
        return {**draw, **shape_of(arch), **training}

    def points(self) -> Iterator[Params]:
        """Yield all points of the space if it is finite, else none."""
        from optuna.distributions import CategoricalDistribution

        free = {k: v for k, v in self.distributions().items() if k not in AXES}
        choices = [v.choices for v in free.values() if isinstance(v, CategoricalDistribution)]
        if len(choices) == len(free):
            for arch, values in product(self.architectures, product(*choices)):
                yield self.complete(dict(zip(free, values, strict=True)), arch)


def shape_of(arch: Architecture) -> Params:
    """Return an architecture's place on the axes of the search."""
    return {axis: axis_value(arch, axis) for axis in AXES}


def axis_value(arch: Architecture, axis: str) -> float:
    """Return an architecture's value on an axis of the search."""
    return arch.d_ff / arch.d_model if axis == "ff_ratio" else getattr(arch, axis)


def nearest(architectures: Sequence[Architecture], wanted: Params) -> Architecture:
    """Return the architecture whose axes differ least from `wanted`, in octaves."""

    def distance(arch: Architecture) -> tuple[float, tuple[float, ...]]:
        values = tuple(axis_value(arch, axis) for axis in AXES)
        octaves = (
            abs(math.log2(value / wanted[axis]))
            for axis, value in zip(AXES, values, strict=True)
            if axis in wanted
        )
        return sum(octaves), values

    return min(architectures, key=distance)


def middle(architectures: Sequence[Architecture]) -> Architecture:
    """Return the architecture of middle width, with 8 heads if there is one."""
    return nearest(architectures, {"d_model": _middle_width(architectures), "n_heads": 8})


def extremes(architectures: Sequence[Architecture], n_trials: int = 12) -> tuple[Architecture, ...]:
    """Return the corners of the grid that every search tries: six, but at most half its trials.

    They are the narrowest and widest at 8 heads, the shallowest and deepest at middle width, and
    the fewest and most heads at middle width. If one does not exist, the nearest one is taken.
    """
    widths = sorted({arch.d_model for arch in architectures})
    depths = sorted({arch.n_layers for arch in architectures})
    width = _middle_width(architectures)
    heads = sorted({arch.n_heads for arch in architectures if arch.d_model == width})
    wanted: list[Params] = [
        {"d_model": widths[0], "n_heads": 8},
        {"d_model": widths[-1], "n_heads": 8},
        {"d_model": width, "n_layers": depths[0]},
        {"d_model": width, "n_layers": depths[-1]},
        {"d_model": width, "n_heads": heads[0]},
        {"d_model": width, "n_heads": heads[-1]},
    ]
    found = tuple(dict.fromkeys(nearest(architectures, corner) for corner in wanted))
    return found[: n_trials // 2]


def _middle_width(architectures: Sequence[Architecture]) -> int:
    widths = sorted({arch.d_model for arch in architectures})
    return widths[len(widths) // 2]
