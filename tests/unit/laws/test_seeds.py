"""Moderated seed variances: limits by hand, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import polygamma

from finscale.laws.seeds import inverse_trigamma, moderate

SEEDS = (3,) * 6


def test_variances_that_agree_become_one() -> None:
    # Equal estimates spread less than three seeds make them: one variance for all, unbiased in log.
    found = moderate(np.full(6, 2.0), SEEDS)
    # digamma(1) = -0.5772: exp of the bias of log s^2 with two degrees of freedom.
    assert found == pytest.approx(np.full(6, 2.0 * np.exp(0.5772156649)))


def test_variances_far_apart_stay_theirs() -> None:
    squares = np.geomspace(1e-3, 1e3, 6)
    assert moderate(squares, (101,) * 6) == pytest.approx(squares, rel=0.1)


def test_others_lie_between() -> None:
    squares = np.array([1.0, 3.0, 9.0, 27.0, 200.0, 900.0])
    found = moderate(squares, SEEDS)
    assert (np.diff(found) > 0.0).all()
    assert found[0] > squares[0] and found[-1] < squares[-1]


def test_seeds_that_agree_to_the_digit_do_not_break_it() -> None:
    found = moderate([0.0, 1.0, 2.0, 1.0], (3,) * 4)
    assert np.isfinite(found).all() and (found > 0.0).all()
    assert moderate(np.zeros(4), (3,) * 4) == pytest.approx(np.zeros(4))


@pytest.mark.parametrize("n_seeds", [(1, 3), (3,)])
def test_what_cannot_be_compared_is_returned(n_seeds: tuple[int, ...]) -> None:
    squares = np.arange(1.0, 1.0 + len(n_seeds))
    assert moderate(squares, n_seeds) == pytest.approx(squares)


@pytest.mark.parametrize("value", [1e-6, 0.1, 1.0, 30.0, 1e5])
def test_trigamma_is_inverted(value: float) -> None:
    assert float(polygamma(1, inverse_trigamma(value))) == pytest.approx(value, rel=1e-8)


def test_the_mean_over_studies_is_about_right() -> None:
    rng = np.random.default_rng(29)
    found = [moderate(rng.chisquare(2, 6) / 2 * 3.0, SEEDS) for _ in range(2_000)]
    assert np.mean(found) == pytest.approx(3.0, rel=0.15)
    # Weights 1 / variance have a mean, which those of three seeds each have not.
    assert np.mean(1.0 / np.array(found)) < 1.0
