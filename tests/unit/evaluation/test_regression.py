"""Scores of returns by hand, conformal intervals, and forecasts that say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finscale.config import LOG_SIGMA_BOUNDS, DataError
from finscale.evaluation import (
    bce_with_logits,
    conformal_multiplier,
    density_skill,
    gaussian_nll,
    is_collapsed_regression,
    sample_losses,
    score_regression,
)

LOG2 = math.log(2.0)
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# Errors 1, -2, 0 and 3 where sigma is 1, 2, 1 and 2.
Y = np.array([1.0, -1.0, 0.0, 5.0])
MEAN = np.array([0.0, 1.0, 0.0, 2.0])
LOG_SIGMA = np.array([0.0, LOG2, 0.0, LOG2])


def test_losses_by_hand() -> None:
    expected = HALF_LOG_2PI + np.array([0.5, LOG2 + 0.5, 0.0, LOG2 + 9 / 8])
    assert gaussian_nll(Y, MEAN, LOG_SIGMA) == pytest.approx(expected, rel=1e-14)


def test_every_score_by_hand() -> None:
    found = score_regression(Y, MEAN, LOG_SIGMA, 1.25)
    assert found.loss == pytest.approx(HALF_LOG_2PI + (2 * LOG2 + 1 + 9 / 8) / 4)
    assert (found.mae, found.rmse) == pytest.approx((6 / 4, math.sqrt(14 / 4)))
    # Errors of 1, 1, 0 and 1.5 sigmas; widths 2.5 and 5.
    assert (found.coverage, found.width) == pytest.approx((3 / 4, 3.75))
    assert (found.pred_std, found.n_distinct) == (pytest.approx(MEAN.std()), 3)


def test_without_a_multiplier_the_interval_is_the_forecasts_own() -> None:
    rng = np.random.default_rng(3)
    sigma = np.exp(rng.normal(-4, 0.5, 20_000))
    y = sigma * rng.normal(size=20_000)
    found = score_regression(y, np.zeros(20_000), np.log(sigma))
    assert found.coverage == pytest.approx(0.9, abs=0.01)
    assert found.width == pytest.approx(2 * 1.644854 * sigma.mean())


def test_an_extreme_log_sigma_is_read_within_bounds() -> None:
    low, high = LOG_SIGMA_BOUNDS
    np.testing.assert_array_equal(
        gaussian_nll([0.1, 0.1], [0.0, 0.0], [-1e4, 1e4]),
        gaussian_nll([0.1, 0.1], [0.0, 0.0], [low, high]),
    )
    assert np.isnan(gaussian_nll([0.1], [np.nan], [0.0])).all()


def test_outputs_of_one_or_two_columns_have_their_loss() -> None:
    np.testing.assert_array_equal(
        sample_losses(Y, np.column_stack([MEAN, LOG_SIGMA])), gaussian_nll(Y, MEAN, LOG_SIGMA)
    )
    labels, logits = [0, 1, 1], np.array([0.3, -2.0, 5.0])
    np.testing.assert_array_equal(
        sample_losses(labels, logits[:, None]), bce_with_logits(labels, logits)
    )
    for wrong in (np.zeros(3), np.zeros((3, 3))):
        with pytest.raises(AssertionError):
            sample_losses([0, 1, 1], wrong)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_unusable_predictions_are_refused(bad: float, which: int) -> None:
    outputs = np.zeros((2, 4))
    outputs[which, 2] = bad
    for call in (
        lambda: score_regression(Y, *outputs),
        lambda: conformal_multiplier(Y, *outputs),
        lambda: is_collapsed_regression(*outputs),
    ):
        with pytest.raises(
            DataError, match=r"a finite mean and log sigma .*; got 1 not finite of 4"
        ):
            call()
    with pytest.raises(DataError, match="at least one sample"):
        score_regression([], [], [])


# Conformal intervals.


def test_a_multiplier_by_hand() -> None:
    # Residuals of 1 … 9 sigmas: (9 + 1) · 0.8 = 8, so the eighth; 0.81 and 0.9 the ninth.
    y, zero = np.array([3.0, -1, 9, 2, -8, 5, 7, 4, -6]), np.zeros(9)
    found = [conformal_multiplier(2 * y, zero, zero + LOG2, level) for level in (0.8, 0.81, 0.9)]
    assert found == pytest.approx([8.0, 9.0, 9.0])
    assert conformal_multiplier(y, zero, zero, 0.91) == math.inf


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_cover_whatever_the_density(level: float) -> None:
    # A forecast of half the true sigma, of returns with heavy tails: calibration makes it good.
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(200):
        sigma = np.exp(rng.normal(-4, 0.5, 400))
        y, guess = sigma * rng.standard_t(3, 400), np.log(sigma / 2)
        zero = np.zeros(200)
        multiplier = conformal_multiplier(y[:200], zero, guess[:200], level)
        covered.append(score_regression(y[200:], zero, guess[200:], multiplier).coverage)
    # Marginal coverage lies between level and level + 1 / (n + 1).
    assert np.mean(covered) == pytest.approx(level + 0.5 / 201, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_level_lies_between_nothing_and_everything(level: float) -> None:
    with pytest.raises(AssertionError):
        conformal_multiplier(Y, MEAN, LOG_SIGMA, level)


# Skill and collapse.


@given(st.floats(-8, 8), st.floats(-3, 3))
def test_skill_is_one_of_densities(reference: float, gain: float) -> None:
    found = density_skill(reference - gain, reference)
    assert found == pytest.approx(1 - math.exp(-gain), rel=1e-9, abs=1e-12)
    assert (found > 0) == (gain > 0) or abs(gain) < 1e-12


def test_skill_knows_no_unit_of_returns() -> None:
    # In per cent instead of shares both losses are log 100 higher.
    shift = math.log(100)
    assert density_skill(-3.3 + shift, -3.2 + shift) == pytest.approx(density_skill(-3.3, -3.2))
    assert density_skill(-3.21, -3.2) == pytest.approx(0.01, abs=1e-4)


def test_a_mean_that_does_not_move_is_collapsed_whatever_its_sigma() -> None:
    rng = np.random.default_rng(7)
    ramp, volatility = np.linspace(0, 1, 101), rng.normal(-4.5, 0.5, 101)
    assert is_collapsed_regression(np.full(101, 3e-4), volatility)
    assert is_collapsed_regression(3e-4 + 1e-6 * ramp, volatility)
    assert not is_collapsed_regression(3e-4 + 1e-3 * ramp, volatility)
    assert is_collapsed_regression(np.tile([-0.01, 0.01], 11), volatility[:22])
    assert not is_collapsed_regression(np.array([-0.01, 0.01, 0.0]), volatility[:3])
