"""The architecture grid: everything in it fits its budget, and nothing that fits is left out."""

from __future__ import annotations

import pytest

from finscale.config import ConfigError, load_space, parse_budget
from finscale.model import PatchTST, architectures, count_params, fits

BUDGETS = ("32K", "125K", "500K", "2M", "20M", "200M", "2B")


@pytest.mark.parametrize("text", BUDGETS)
def test_every_architecture_lies_within_a_quarter_of_its_budget(text: str) -> None:
    budget = parse_budget(text)
    grid = architectures(budget, n_channels=25)
    assert len(grid) == len(set(grid)) >= 20
    axes = load_space("default")
    for arch in grid:
        assert 0.75 * budget <= count_params(arch).total <= 1.25 * budget
        assert arch.d_model % arch.n_heads == 0
        assert arch.d_model in axes.d_model and arch.n_layers in axes.n_layers
        assert arch.n_heads in axes.n_heads and arch.d_ff in (2 * arch.d_model, 4 * arch.d_model)
        assert (arch.n_channels, arch.n_patches, arch.n_outputs) == (25, 11, 1)
    assert grid == architectures(budget, n_channels=25)


def test_nothing_that_fits_is_left_out() -> None:
    axes = {"d_model": (6, 10, 15), "n_layers": (2, 3), "n_heads": (2, 3, 5), "ff_ratio": (2, 4)}
    space = load_space("default").model_copy(update=axes)
    found = {
        (a.d_model, a.n_layers, a.n_heads, a.d_ff)
        for a in architectures(10_000, n_channels=3, space=space, tolerance=1e9)
    }
    heads = {6: (2, 3), 10: (2, 5), 15: (3, 5)}
    assert found == {
        (width, depth, head, ratio * width)
        for width in (6, 10, 15)
        for depth in (2, 3)
        for head in heads[width]
        for ratio in (2, 4)
    }


def test_the_edge_of_the_tolerance_belongs_to_it() -> None:
    arch = architectures(32_000, n_channels=25)[0]
    size = count_params(arch).total
    assert size == sum(weight.numel() for weight in PatchTST(arch).parameters())
    # size = 1.25 budget and size = 0.75 budget, to the parameter.
    assert fits(arch, 4 * size, tolerance=0.75) and not fits(arch, 4 * size + 1, tolerance=0.75)
    assert fits(arch, size, tolerance=0.0) and not fits(arch, size + 1, tolerance=0.0)


def test_window_and_outputs_reach_the_architecture() -> None:
    grid = architectures(
        500_000,
        n_channels=7,
        context_length=61,
        patch_length=11,
        patch_stride=5,
        n_outputs=2,
        tolerance=0.1,
    )
    for arch in grid:
        assert (arch.n_channels, arch.context_length, arch.n_outputs) == (7, 61, 2)
        assert (arch.patch_length, arch.patch_stride, arch.n_patches) == (11, 5, 11)
        assert 450_000 <= count_params(arch).total <= 550_000


def test_pins_fix_a_dimension_off_its_axis_too() -> None:
    wide = architectures(2_000_000, n_channels=25, pins={"d_model": 144})
    assert {arch.d_model for arch in wide} == {144}
    assert {arch.d_ff for arch in wide} <= {288, 576}
    off = architectures(2_000_000, n_channels=25, pins={"d_ff": 331, "n_layers": 7})
    assert {(arch.d_ff, arch.n_layers) for arch in off} == {(331, 7)}
    three = architectures(500_000, n_channels=25, pins={"n_heads": 3})
    assert {arch.n_heads for arch in three} == {3}
    assert all(arch.d_model % 3 == 0 for arch in three)


def test_a_pinned_feed_forward_width_makes_no_duplicates() -> None:
    grid = architectures(500_000, n_channels=25, pins={"d_ff": 128})
    assert len(grid) == len(set(grid))


def test_a_budget_that_nothing_meets_is_told_the_nearest_sizes() -> None:
    with pytest.raises(ConfigError) as caught:
        architectures(2_000_000, n_channels=25, pins={"d_model": 64, "n_layers": 2})
    # 2 layers of width 64, F = 128 or 256, by hand: embedding 250·64 + 64 + 11·64 = 16768,
    # head 705, and 2·(16640 + (128F + F + 64) + 256) + 128.
    assert 16_768 + 705 + 2 * (16_640 + 129 * 128 + 64 + 256) + 128 == 84_545
    assert 16_768 + 705 + 2 * (16_640 + 129 * 256 + 64 + 256) + 128 == 117_569
    assert caught.value.line == (
        "budget: expected a size that some architecture meets within 25%; "
        "got 2M with d_model=64, n_layers=2. The nearest sizes are 84.5K and 118K."
    )


def test_heads_that_divide_no_width_are_told_so() -> None:
    with pytest.raises(ConfigError, match="n_heads must divide d_model") as caught:
        architectures(2_000_000, n_channels=25, pins={"d_model": 30, "n_heads": 8})
    assert "got 2M with d_model=30, n_heads=8" in caught.value.line


@pytest.mark.parametrize("budget", [1_000, 10**13])
def test_a_budget_off_the_grid_is_refused(budget: int) -> None:
    with pytest.raises(ConfigError, match="The nearest sizes are "):
        architectures(budget, n_channels=25)
