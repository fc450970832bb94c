"""GLS by hand, the inflation of errors, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.laws import fit_slope

SIZES = np.array([1e4, 1e5, 1e6])


def test_ordinary_least_squares_by_hand() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 6.0])
    # x = -1 0 1 around 5: slope (6 - 1) / 2, intercept 3, residuals .5 -1 .5.
    assert (line.slope, line.intercept, line.centre) == pytest.approx((2.5, 3.0, 5.0))
    assert (line.chi2, line.dof) == (pytest.approx(1.5), 1)
    assert line.inflation == pytest.approx(math.sqrt(1.5))
    assert line.se == pytest.approx(math.sqrt(1.5 / 2))
    assert line.intercept_se == pytest.approx(math.sqrt(1.5 / 3))


def test_errors_are_never_deflated() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 3.1])
    assert line.chi2 < line.dof
    assert line.inflation == 1.0
    assert line.se == pytest.approx(math.sqrt(1 / 2))


def test_a_certain_cell_pulls_the_line_to_itself() -> None:
    line = fit_slope(SIZES, [0.0, 1.0, 0.0], np.diag([1.0, 1e-8, 1.0]))
    assert line.predict(1e5) == pytest.approx(1.0, abs=1e-6)


def test_common_noise_moves_the_height_and_not_the_slope() -> None:
    values, own = [0.0, 0.4, 1.1], np.diag([0.01, 0.02, 0.03])
    alone, together = fit_slope(SIZES, values, own), fit_slope(SIZES, values, own + 5.0)
    assert together.slope == pytest.approx(alone.slope)
    assert together.se == pytest.approx(alone.se)
    assert together.intercept_se > alone.intercept_se


@settings(max_examples=50, deadline=None)
@given(st.floats(-2, 2), st.floats(-5, 5), st.integers(0, 10**6))
def test_a_planted_line_is_recovered_under_any_covariance(b: float, a: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(3, 10, 7)
    root = rng.normal(size=(7, 7))
    line = fit_slope(sizes, a + b * np.log10(sizes), root @ root.T + 0.1 * np.eye(7))
    assert line.slope == pytest.approx(b, abs=1e-7)
    assert line.predict(sizes) == pytest.approx(a + b * np.log10(sizes), abs=1e-7)
    assert line.chi2 == pytest.approx(0.0, abs=1e-9)


def test_intervals_are_normal_or_students() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 3.0])
    low, high = line.interval(0.95)
    assert (high - low) / 2 / line.se == pytest.approx(1.959964, abs=1e-6)
    low, high = line.interval(0.95, variance_dof=8)
    assert (high - low) / 2 / line.se == pytest.approx(2.306004, abs=1e-6)


def test_band_is_narrowest_at_the_centre() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 3.0])
    low, high = line.band(SIZES, 0.95)
    assert high[1] - low[1] < high[0] - low[0]
    assert (low + high) / 2 == pytest.approx(line.predict(SIZES))
    assert (high[1] - low[1]) / 2 == pytest.approx(1.959964 * line.intercept_se)


def test_two_points_leave_nothing_to_inflate_with() -> None:
    line = fit_slope([10.0, 1000.0], [1.0, 0.0])
    assert (line.slope, line.dof, line.inflation) == (pytest.approx(-0.5), 0, 1.0)


def test_identical_cells_do_not_break_the_fit() -> None:
    # Two collapsed cells make the same forecast: their covariance is singular.
    line = fit_slope(SIZES, [0.1, 0.1, 0.2], np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]))
    assert np.isfinite([line.slope, line.se]).all()


@pytest.mark.parametrize(
    ("sizes", "values", "match"),
    [
        ([1e4, 1e5], [1.0, 2.0, 3.0], "one value for each size"),
        ([1e4, 1e5, math.nan], [1.0, 2.0, 3.0], "positive sizes and finite values"),
        ([1e4, 1e5, 1e6], [1.0, math.nan, 3.0], "positive sizes and finite values"),
        ([1e4, 0.0, 1e6], [1.0, 2.0, 3.0], "positive sizes"),
        ([1e4, 1e4, 1e4], [1.0, 2.0, 3.0], "two sizes or more"),
        ([], [], "two sizes or more"),
    ],
)
def test_points_that_carry_no_line_are_refused(
    sizes: list[float], values: list[float], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        fit_slope(sizes, values)


@pytest.mark.parametrize(
    ("cov", "match"),
    [
        (np.eye(2), "shape"),
        (np.full((3, 3), math.nan), "finite"),
        (np.zeros((3, 3)), "without variance"),
        (np.array([[1.0, 0, 0], [0.5, 1, 0], [0, 0, 1]]), "not symmetric"),
        (np.array([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]]), "negative eigenvalue"),
    ],
)
def test_what_is_no_covariance_is_refused(cov: np.ndarray, match: str) -> None:
    with pytest.raises(DataError, match=match):
        fit_slope(SIZES, [1.0, 2.0, 3.0], cov)
