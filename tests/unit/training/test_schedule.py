"""The learning rate by step, and what a warm-up of so many steps means in epochs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.training import FitSettings, learning_rate_factor


def test_warm_up_is_linear_and_cosine_ends_at_nothing() -> None:
    factors = [learning_rate_factor(step, 4, 12) for step in range(13)]
    warmup = [0.25, 0.5, 0.75, 1.0]
    cosine = [0.5 + 0.5 * math.cos(math.pi * step / 8) for step in range(9)]
    assert factors == pytest.approx(warmup + cosine)
    assert factors[4] == 1.0
    assert factors[8] == pytest.approx(0.5)
    assert factors[6] == pytest.approx(0.5 + 0.5 * math.sqrt(0.5))
    assert factors[12] == pytest.approx(0.0)


def test_without_warm_up_it_begins_at_the_peak() -> None:
    assert learning_rate_factor(0, 0, 5) == 1.0
    assert learning_rate_factor(5, 0, 5) == pytest.approx(0.0)


def test_a_run_shorter_than_its_warm_up_never_reaches_the_peak() -> None:
    assert [learning_rate_factor(step, 500, 7) for step in (0, 6, 7)] == [1 / 500, 7 / 500, 8 / 500]


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 300))
def test_it_rises_then_falls_between_nothing_and_the_peak(warmup: int, total: int) -> None:
    factors = [learning_rate_factor(step, warmup, total) for step in range(total)]
    assert all(0 < factor <= 1 for factor in factors)
    peak = min(warmup, total)
    assert factors[:peak] == sorted(factors[:peak])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)


@pytest.mark.parametrize(
    ("n_train", "batch_size", "warmup_steps", "steps", "epochs"),
    [
        (53, 16, 10, 4, 3),  # batches of 16 16 16 5; epochs 1 to 3 begin before step 10
        (53, 16, 12, 4, 3),
        (53, 16, 13, 4, 4),
        (53, 53, 2, 1, 2),
        (53, 64, 0, 1, 0),
        (3253, 64, 100, 51, 2),
    ],
)
def test_steps_and_warm_up_in_epochs(
    n_train: int, batch_size: int, warmup_steps: int, steps: int, epochs: int
) -> None:
    settings = FitSettings(
        epochs=7,
        learning_rate=1e-3,
        weight_decay=0.0,
        warmup_steps=warmup_steps,
        batch_size=batch_size,
        seed=1,
    )
    assert settings.steps_per_epoch(n_train) == steps
    assert settings.warmup_epochs(n_train) == epochs


def test_defaults_are_the_designs() -> None:
    settings = FitSettings(
        epochs=1, learning_rate=1.0, weight_decay=0.0, warmup_steps=0, batch_size=1, seed=0
    )
    assert (settings.patience, settings.clip_norm, settings.betas) == (10, 1.0, (0.9, 0.999))
