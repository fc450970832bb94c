"""Power laws: planted constants, every status, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.laws import FitStatus, fit_power_law

SIZES = np.geomspace(3e4, 3e6, 7)


@pytest.mark.parametrize(
    ("E", "A", "alpha"),
    [(1.69, 406.4, 0.34), (-0.02, 3.1, 0.5), (2.158, 381_773.0, 0.71), (0.0, 0.9, 0.05)],
)
def test_planted_constants_are_recovered(E: float, A: float, alpha: float) -> None:
    law = fit_power_law(SIZES, E + A * SIZES**-alpha)
    assert law.status is FitStatus.CONVERGED
    assert law.alpha == pytest.approx(alpha, rel=1e-6)
    assert law.A == pytest.approx(A, rel=1e-6)
    assert law.E == pytest.approx(E, rel=1e-6, abs=1e-6)
    assert law.dof == 4


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 3), st.floats(0.01, 2), st.floats(0.05, 1.5), st.integers(0, 10**6))
def test_any_declining_law_is_recovered(E: float, drop: float, alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(7, 7))
    y = E + drop * (SIZES / SIZES[0]) ** -alpha
    law = fit_power_law(SIZES, y, cov=root @ root.T + 0.1 * np.eye(7))
    assert law.alpha == pytest.approx(alpha, rel=1e-5)
    assert law.predict(SIZES) == pytest.approx(y, abs=1e-8)


def test_units_of_size_do_not_matter() -> None:
    y = 0.3 + 5 * SIZES**-0.3 + 1e-3 * np.sin(np.arange(7))
    plain, scaled = fit_power_law(SIZES, y), fit_power_law(SIZES * 1e6, y)
    assert scaled.alpha == pytest.approx(plain.alpha, rel=1e-6)
    assert scaled.E == pytest.approx(plain.E, rel=1e-6)


def test_covariance_decides_what_is_trusted() -> None:
    y = 0.3 + 5 * SIZES**-0.3
    y[3] += 0.05
    variances = np.full(7, 1e-6)
    variances[3] = 1.0
    weighted, plain = fit_power_law(SIZES, y, cov=np.diag(variances)), fit_power_law(SIZES, y)
    assert weighted.alpha == pytest.approx(0.3, rel=1e-3)
    assert abs(plain.alpha - 0.3) > 0.01


def test_three_sizes_do_not_identify_three_constants() -> None:
    sizes = np.array([1e4, 1e5, 1e6, 1e6])
    law = fit_power_law(sizes, [3.0, 2.0, 1.5, 1.5])
    assert law.status is FitStatus.NOT_IDENTIFIABLE
    assert math.isnan(law.alpha) and math.isnan(law.E) and math.isnan(law.A)


@pytest.mark.parametrize("y", [np.linspace(1, 2, 7), np.full(7, 0.37), SIZES**0.3])
def test_what_does_not_decline_has_no_exponent(y: np.ndarray) -> None:
    assert fit_power_law(SIZES, y).status is FitStatus.NOT_IDENTIFIABLE


def test_a_logarithm_and_a_step_hit_the_bounds() -> None:
    logarithm = fit_power_law(SIZES, 1 - 0.1 * np.log(SIZES) - 1e-3 * np.log(SIZES) ** 2)
    assert logarithm.status is FitStatus.BOUND_HIT
    assert logarithm.alpha == pytest.approx(1e-3, rel=1e-3)
    step = fit_power_law(SIZES, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert step.status is FitStatus.BOUND_HIT
    assert step.alpha == pytest.approx(5.0, rel=1e-3)


def test_too_few_evaluations_are_said() -> None:
    y = 0.3 + 5 * SIZES**-0.3 + 1e-3 * np.sin(np.arange(7))
    assert fit_power_law(SIZES, y, max_iterations=1).status is FitStatus.MAX_ITERATIONS


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.full(5, 1e5), np.arange(5.0)),
        (SIZES, np.append(np.arange(6.0), math.nan)),
        (SIZES, np.arange(5.0)),
        (-SIZES, np.arange(7.0)),
    ],
)
def test_degenerate_points_are_refused(x: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(DataError, match="points of a scaling fit"):
        fit_power_law(x, y)
