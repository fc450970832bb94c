"""From a free draw to an architecture that exists, and the corners that are always tried."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from finscale.config import load_space, parse_budget
from finscale.model import Architecture, architectures
from finscale.search import SearchSpace, extremes, nearest, shape_of

TRAINING = {
    "learning_rate": 3e-4,
    "weight_decay": 1e-4,
    "warmup_steps": 50,
    "dropout": 0.1,
    "batch_size": 64,
    "revin": True,
}


def arch(d_model: int, n_layers: int, n_heads: int, d_ff: int) -> Architecture:
    return Architecture(
        n_channels=5, d_model=d_model, n_layers=n_layers, n_heads=n_heads, d_ff=d_ff
    )


# Every combination of three widths, depths and heads.
FULL = tuple(
    arch(width, depth, heads, 2 * width)
    for width, depth, heads in product((16, 32, 64), (2, 3, 5), (2, 8, 16))
)
GRID = architectures(125_000, n_channels=25)


def places(found: tuple[Architecture, ...]) -> list[tuple[int, int, int]]:
    return [(a.d_model, a.n_layers, a.n_heads) for a in found]


# Corners.


def test_corners_by_hand() -> None:
    assert places(extremes(FULL)) == [
        (16, 2, 8),  # narrowest at 8 heads
        (64, 2, 8),  # widest at 8 heads
        (32, 2, 2),  # shallowest at middle width, which has the fewest heads too
        (32, 5, 2),  # deepest at middle width
        (32, 2, 16),  # most heads at middle width
    ]


def test_a_corner_that_does_not_exist_is_its_nearest_neighbour() -> None:
    # Width 32 is 3 layers deep only. For 32 x 2: 16 x 2 is one octave off, 64 x 2 too (the
    # narrower is taken), 32 x 3 only log2(3/2) = 0.58. For 32 x 5: 32 x 3 is log2(5/3) = 0.74 off.
    few = (arch(16, 2, 2, 32), arch(32, 3, 2, 64), arch(64, 2, 4, 128), arch(16, 5, 8, 32))
    assert places(extremes(few)) == [
        (16, 5, 8),
        (64, 2, 4),  # one octave from (64, 8 heads); (16, 5, 8) is two
        (32, 3, 2),
    ]


@pytest.mark.parametrize("budget", ["32K", "125K", "500K", "2M", "20M", "200M", "2B"])
def test_a_budgets_corners_are_few_distinct_and_in_the_grid(budget: str) -> None:
    grid = architectures(parse_budget(budget), n_channels=25)
    corners = extremes(grid)
    assert 3 <= len(corners) == len(set(corners)) <= 6
    assert set(corners) <= set(grid)
    widths = [a.d_model for a in grid]
    assert (corners[0].d_model, corners[0].n_heads) == (min(widths), 8)
    assert (corners[1].d_model, corners[1].n_heads) == (max(widths), 8)
    # Shallow and deep exist at middle width only nearly: within an octave of what there is.
    depths, tried = [a.n_layers for a in grid], [a.n_layers for a in corners]
    assert min(tried) <= 2 * min(depths)
    assert max(tried) >= max(depths) / 2


def test_one_architecture_is_its_own_corner() -> None:
    only = arch(16, 3, 2, 64)
    assert extremes((only,)) == (only,)


# Snapping.


def test_the_nearest_is_measured_in_octaves() -> None:
    narrow, wide = arch(16, 8, 2, 32), arch(64, 2, 2, 128)
    # 30 is 0.9 octaves from 16 and 1.1 from 64; in plain numbers 14 against 34.
    assert nearest((narrow, wide), {"d_model": 30}) == narrow
    assert nearest((narrow, wide), {"d_model": 33}) == wide
    # Half an octave more in width is outweighed by two in depth.
    assert nearest((narrow, wide), {"d_model": 45, "n_layers": 8}) == narrow
    assert nearest((narrow, wide), {"d_model": 45, "n_layers": 2}) == wide


def test_a_tie_goes_to_the_narrower_whatever_the_order() -> None:
    narrow, wide = arch(16, 2, 2, 32), arch(64, 2, 2, 128)
    assert nearest((narrow, wide), {"d_model": 32}) == narrow
    assert nearest((wide, narrow), {"d_model": 32}) == narrow


@settings(deadline=None)
@given(st.sampled_from(GRID))
def test_an_architecture_is_nearest_to_itself(one: Architecture) -> None:
    assert nearest(GRID, shape_of(one)) == one


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "d_model": st.integers(16, 96),
            "n_layers": st.integers(2, 64),
            "n_heads": st.integers(2, 32),
            "ff_ratio": st.floats(2, 4),
        }
    )
)
def test_nothing_is_nearer_than_the_nearest(wanted: dict[str, float]) -> None:
    def octaves(one: Architecture) -> float:
        there = shape_of(one)
        return sum(abs(math.log2(there[axis]) - math.log2(wanted[axis])) for axis in wanted)

    assert octaves(nearest(GRID, wanted)) == pytest.approx(min(map(octaves, GRID)), abs=1e-9)


def test_a_draw_becomes_what_is_trained() -> None:
    space = SearchSpace(GRID, load_space("demo"), {"batch_size": 96, "d_model": 64, "dropout": 0.0})
    draw: dict[str, Any] = {
        "d_model": 61,
        "n_layers": 3,
        "n_heads": 5,
        "ff_ratio": 3.7,
        "learning_rate": 3e-4,
        "weight_decay": 1e-4,
        "warmup_steps": 50,
        "revin": True,
    }
    point = space.complete(draw)
    assert {axis: point[axis] for axis in shape_of(GRID[0])} in [shape_of(a) for a in GRID]
    assert (point["batch_size"], point["dropout"]) == (96, 0.0)
    assert {k: point[k] for k in ("learning_rate", "weight_decay", "warmup_steps", "revin")} == {
        "learning_rate": 3e-4,
        "weight_decay": 1e-4,
        "warmup_steps": 50,
        "revin": True,
    }
    corner = GRID[-1]
    assert shape_of(corner).items() <= space.complete(draw, corner).items()


# What is free.


def test_without_pins_every_dimension_is_free() -> None:
    free = SearchSpace(FULL, load_space("default"), {}).distributions()
    assert free == {
        "d_model": IntDistribution(16, 64, log=True),
        "n_layers": IntDistribution(2, 5, log=True),
        "n_heads": IntDistribution(2, 16, log=True),
        "ff_ratio": FloatDistribution(2.0, 2.0, log=True),
        "learning_rate": FloatDistribution(1e-4, 1e-3, log=True),
        "weight_decay": FloatDistribution(1e-5, 5e-3, log=True),
        "warmup_steps": CategoricalDistribution((100, 200, 300, 500)),
        "dropout": FloatDistribution(0.0, 0.3),
        "batch_size": CategoricalDistribution((32, 64, 128, 256)),
        "revin": CategoricalDistribution((True, False)),
    }


@pytest.mark.parametrize("name", sorted(TRAINING))
def test_a_pinned_dimension_leaves_the_space(name: str) -> None:
    free = SearchSpace(FULL, load_space("default"), {name: TRAINING[name]}).distributions()
    everything = SearchSpace(FULL, load_space("default"), {}).distributions()
    assert set(everything) - set(free) == {name}


def test_a_pinned_width_leaves_one_value() -> None:
    grid = architectures(125_000, n_channels=25, pins={"d_model": 40})
    width = SearchSpace(grid, load_space("demo"), {"d_model": 40}).distributions()["d_model"]
    assert width.single()
    assert width == IntDistribution(40, 40, log=True)


# Points of a space without a continuous dimension.


def test_the_points_of_a_pinned_space_can_be_listed() -> None:
    pins = {k: v for k, v in TRAINING.items() if k not in ("batch_size", "revin")}
    space = SearchSpace(FULL[:3], load_space("demo"), pins)
    points = list(space.points())
    assert len(points) == 3 * 2 * 2
    assert all(point.items() >= pins.items() for point in points)
    distinct = {(p["n_heads"], p["batch_size"], p["revin"]) for p in points}
    assert distinct == set(product((2, 8, 16), (64, 128), (True, False)))


@pytest.mark.parametrize("continuous", ["learning_rate", "weight_decay", "dropout"])
def test_a_continuous_space_lists_none(continuous: str) -> None:
    pins = {k: v for k, v in TRAINING.items() if k != continuous}
    assert list(SearchSpace(FULL, load_space("demo"), pins).points()) == []
