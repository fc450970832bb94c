"""The least-squares slope by hand, its two kinds of error, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.laws import fit_slope

SIZES = np.array([1e4, 1e5, 1e6])
NONE, SEEDS = np.zeros(3), (3, 3, 3)


def test_days_alone_by_hand() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 6.0], np.eye(3), NONE, SEEDS)
    # x = -1 0 1 around 5: slope (6 - 1) / 2, intercept 3, residuals .5 -1 .5.
    assert (line.slope, line.intercept, line.centre) == pytest.approx((2.5, 3.0, 5.0))
    assert line.se == pytest.approx(math.sqrt(1 / 2))
    assert line.intercept_se == pytest.approx(math.sqrt(1 / 3))
    assert (line.chi2, line.chi2_dof) == (pytest.approx(1.5), 1)
    assert line.dof == math.inf


def test_seeds_alone_by_hand() -> None:
    line = fit_slope(SIZES, [1.0, 2.0, 6.0], np.zeros((3, 3)), [2.0, 5.0, 6.0], (3, 3, 5))
    # c = -1/2 0 1/2: variance (2 + 6) / 4; dof 2^2 / (.5^2 / 2 + 1.5^2 / 4).
    assert line.se == pytest.approx(math.sqrt(2.0))
    assert line.dof == pytest.approx(4.0 / (0.125 + 0.5625))


def test_known_days_add_degrees_of_freedom() -> None:
    few = fit_slope(SIZES, NONE, np.zeros((3, 3)), np.ones(3), SEEDS)
    more = fit_slope(SIZES, NONE, np.eye(3), np.ones(3), SEEDS)
    assert few.dof == pytest.approx(4.0)
    # Twice the variance, of the same uncertain part: four times as many.
    assert more.dof == pytest.approx(16.0)


def test_a_certain_cell_does_not_pull_the_line() -> None:
    values = [0.0, 1.0, 0.0]
    line = fit_slope(SIZES, values, np.diag([1.0, 1e-8, 1.0]), NONE, SEEDS)
    assert line.predict(1e5) == pytest.approx(1 / 3)


def test_cells_that_move_together_keep_the_visible_trend() -> None:
    # Correlations near 1 with unequal variances: GLS weights would be far from the trend seen.
    sd = np.array([1.0, 1.2, 1.5])
    line = fit_slope(SIZES, [1.0, 2.0, 3.0], np.outer(sd, sd) + 1e-9 * np.eye(3), NONE, SEEDS)
    assert line.slope == pytest.approx(1.0)
    # Of what moves all cells together only its trend over sizes is noise of the slope.
    assert line.se == pytest.approx(0.25, rel=1e-3)


def test_common_noise_moves_the_height_and_not_the_slope() -> None:
    values, own = [0.0, 0.4, 1.1], np.diag([0.01, 0.02, 0.03])
    alone = fit_slope(SIZES, values, own, NONE, SEEDS)
    together = fit_slope(SIZES, values, own + 5.0, NONE, SEEDS)
    assert together.slope == pytest.approx(alone.slope)
    assert together.se == pytest.approx(alone.se)
    assert together.intercept_se > alone.intercept_se


@settings(max_examples=50, deadline=None)
@given(st.floats(-2, 2), st.floats(-5, 5), st.integers(0, 10**6))
def test_a_planted_line_is_recovered_under_any_covariance(b: float, a: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(3, 10, 7)
    root = rng.normal(size=(7, 7))
    values = a + b * np.log10(sizes)
    line = fit_slope(sizes, values, root @ root.T, rng.uniform(0.1, 1, 7), [3] * 7)
    assert line.slope == pytest.approx(b, abs=1e-7)
    assert line.predict(sizes) == pytest.approx(values, abs=1e-7)
    assert line.chi2 == pytest.approx(0.0, abs=1e-9)


def test_intervals_are_normal_or_students() -> None:
    known = fit_slope(SIZES, [1.0, 2.0, 3.0], np.eye(3), NONE, SEEDS)
    low, high = known.interval(0.95)
    assert (high - low) / 2 / known.se == pytest.approx(1.959964, abs=1e-6)
    assert 2 * known.tail(low) == pytest.approx(0.05, abs=1e-6)
    estimated = fit_slope(SIZES, [1.0, 2.0, 3.0], np.zeros((3, 3)), np.ones(3), SEEDS)
    low, high = estimated.interval(0.95)
    assert (high - low) / 2 / estimated.se == pytest.approx(2.776445, abs=1e-5)
    assert 2 * estimated.tail(high) == pytest.approx(0.05, abs=1e-6)


def test_the_band_has_the_error_of_the_line_at_every_size() -> None:
    root = np.random.default_rng(23).normal(size=(3, 3))
    line = fit_slope(SIZES, [1.0, 2.0, 3.0], root @ root.T, np.ones(3), SEEDS)
    low, high = line.band(SIZES, 0.95)
    assert (low + high) / 2 == pytest.approx(line.predict(SIZES))
    # Of two points of the line, one is at the centre, and the slope is between them.
    spread = ((high - low) / (line.interval(0.95)[1] - line.slope)) * line.se / 2
    assert spread[1] == pytest.approx(line.intercept_se)
    assert spread[2] ** 2 - spread[0] ** 2 == pytest.approx(4 * line.covariance)


def test_two_points_make_a_line() -> None:
    line = fit_slope([10.0, 1000.0], [1.0, 0.0], np.eye(2), [0.0, 0.0], (3, 3))
    assert (line.slope, line.chi2_dof) == (pytest.approx(-0.5), 0)


def test_identical_cells_do_not_break_the_fit() -> None:
    # Two collapsed cells make the same forecast: their covariance is singular.
    cov = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    line = fit_slope(SIZES, [0.1, 0.1, 0.2], cov, NONE, SEEDS)
    assert np.isfinite([line.slope, line.se, line.chi2]).all()
    same = fit_slope(SIZES, [0.1, 0.1, 0.1], np.ones((3, 3)), NONE, SEEDS)
    assert same.slope == pytest.approx(0.0) and same.se > 0.0


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
        fit_slope(sizes, values, np.eye(3), NONE, SEEDS)


@pytest.mark.parametrize(
    ("day_cov", "seed_variance", "match"),
    [
        (np.eye(2), NONE, "shape"),
        (np.full((3, 3), math.nan), NONE, "finite"),
        (np.zeros((3, 3)), NONE, "without variance"),
        (np.array([[1.0, 0, 0], [0.5, 1, 0], [0, 0, 1]]), NONE, "not symmetric"),
        (np.array([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]]), NONE, "negative eigenvalue"),
        (np.eye(3), [1.0, -1.0, 1.0], "negative"),
        (np.eye(3), [1.0, math.nan, 1.0], "not finite"),
        (np.eye(3), [1.0, 1.0], "not one a cell"),
    ],
)
def test_what_is_no_covariance_is_refused(
    day_cov: np.ndarray, seed_variance: list[float], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        fit_slope(SIZES, [1.0, 2.0, 3.0], day_cov, seed_variance, SEEDS)
