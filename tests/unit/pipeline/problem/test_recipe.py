"""A recipe survives MLflow, which keeps text; and a model outside its budget is not built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finscale.config import HpoConfig, RefusedError
from finscale.model import Architecture, count_params
from finscale.pipeline.problem.fitting import build_model
from finscale.pipeline.problem.recipe import Recipe, from_params
from finscale.tracking.frames import typed
from finscale.tracking.runs import as_text

TEMPLATE = Architecture(n_channels=25, d_model=64, n_layers=3, n_heads=8, d_ff=128)
CONFIG = HpoConfig(budget="9K", epochs=7, max_steps=17, precision="bfloat16")


def archs(**changes: Any) -> Architecture:
    shape = {"d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32} | changes
    return Architecture(n_channels=25, **shape)


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
recipes = st.builds(
    Recipe,
    arch=st.builds(
        archs,
        d_model=st.sampled_from([16, 48, 1536]),
        n_layers=st.integers(1, 256),
        d_ff=st.integers(1, 8192),
        dropout=st.floats(0, 1, exclude_max=True),
        revin=st.booleans(),
    ),
    learning_rate=positive,
    weight_decay=st.floats(0, 1, exclude_max=True),
    warmup_steps=st.integers(1, 500),
    batch_size=st.integers(1, 256),
    epochs=st.just(CONFIG.epochs),
    max_steps=st.just(CONFIG.max_steps),
    precision=st.just("bfloat16"),
)


@given(recipes)
def test_a_recipe_comes_back_exactly_from_params_of_a_run(recipe: Recipe) -> None:
    stored = {name: typed(name, as_text(value)) for name, value in recipe.params().items()}
    assert from_params(stored, TEMPLATE, CONFIG) == recipe


@given(recipes)
def test_a_recipe_comes_back_from_its_place_in_the_search(recipe: Recipe) -> None:
    assert from_params(recipe.search_params(), TEMPLATE, CONFIG) == recipe


def test_channels_are_the_templates_and_the_window_is_the_recipes_own() -> None:
    wide = Architecture(n_channels=7, d_model=64, n_layers=3, n_heads=8, d_ff=128, n_outputs=2)
    params = small().params() | {"context_length": 31, "patch_length": 7, "patch_stride": 3}
    arch = from_params(params, wide, CONFIG).arch
    assert (arch.n_channels, arch.n_outputs) == (7, 2)
    assert (arch.context_length, arch.patch_length, arch.patch_stride) == (31, 7, 3)


def test_a_point_without_a_window_has_the_problems() -> None:
    params = {k: v for k, v in small().params().items() if "patch" not in k and "context" not in k}
    arch = from_params(params, TEMPLATE, CONFIG).arch
    assert (arch.context_length, arch.patch_length, arch.patch_stride) == (60, 10, 5)


def test_settings_hold_the_recipe_and_the_seed() -> None:
    settings = replace(small(), max_steps=17, precision="bfloat16").settings(seed=43)
    assert (settings.max_steps, settings.precision) == (17, "bfloat16")
    assert (settings.seed, settings.epochs, settings.batch_size) == (43, 7, 128)
    assert (settings.learning_rate, settings.weight_decay, settings.warmup_steps) == (1e-3, 0.1, 53)


def test_a_built_model_has_the_size_that_was_counted() -> None:
    model = build_model(small(), 9_000, seed=42)
    assert sum(weight.numel() for weight in model.parameters()) == count_params(archs()).total


def test_a_model_outside_the_tolerance_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"n_params: expected a model within 25% of 20M; got 8,"):
        build_model(small(), 20_000_000, seed=42)


def small() -> Recipe:
    return Recipe(archs(), 1e-3, 0.1, warmup_steps=53, batch_size=128, epochs=7)
