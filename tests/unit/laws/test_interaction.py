"""Slopes compared in pairs: days in common, seeds apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from finscale.laws import Slope, compare_slopes, contrast, fit_slope
from tests.studies import FOUR


def slope_of(value: float, se: float, dof: float = math.inf) -> Slope:
    return Slope(value, se, 0.0, 0.0, 0.0, 5.0, dof, 0.0, 2)


def test_by_hand() -> None:
    slopes = [slope_of(-0.010, 0.005), slope_of(-0.002, 0.004), slope_of(-0.010, 0.005)]
    cov = np.array([[16.0, 8.0, 16.0], [8.0, 9.0, 8.0], [16.0, 8.0, 16.0]]) * 1e-6
    first, second = compare_slopes(slopes, cov, np.array([9.0, 7.0, 0.0]) * 1e-6, [(0, 1), (2, 0)])
    # 16 + 9 - 2 * 8 of the days and 9 + 7 of the seeds.
    assert first.difference == pytest.approx(0.008)
    assert first.high - first.low == pytest.approx(2 * 1.959964 * 0.005, rel=1e-6)
    assert first.p_value == pytest.approx(2.0 * norm.sf(1.6))
    assert (second.difference, second.p_value) == (0.0, 1.0)
    assert first.p_adjusted == pytest.approx(2.0 * first.p_value)
    assert second.p_adjusted == 1.0


def test_days_in_common_make_a_difference_surer_than_a_slope() -> None:
    slopes = [slope_of(-0.010, 0.005), slope_of(-0.007, 0.005)]
    apart, together = (
        compare_slopes(slopes, 25e-6 * np.array([[1.0, r], [r, 1.0]]), [0.0, 0.0], [(0, 1)])[0]
        for r in (0.0, 0.99)
    )
    assert apart.low < 0.0 < together.low


def test_one_and_the_same_model_differs_by_nothing() -> None:
    slopes = [slope_of(-0.01, 0.005)] * 2
    (same,) = compare_slopes(slopes, np.full((2, 2), 25e-6), [0.0, 0.0], [(0, 1)])
    assert (same.difference, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_few_seeds_widen_the_interval() -> None:
    sure = [slope_of(-0.01, 0.005), slope_of(0.0, 0.005)]
    few = [slope_of(-0.01, 0.005, dof=2.0), slope_of(0.0, 0.005, dof=2.0)]
    (known,), (guessed,) = (
        compare_slopes(slopes, np.zeros((2, 2)), [25e-6, 25e-6], [(0, 1)]) for slopes in (sure, few)
    )
    # Two equal variances of two degrees of freedom each have four together.
    assert (guessed.high - guessed.low) / (known.high - known.low) == pytest.approx(
        2.776445 / 1.959964, rel=1e-5
    )


def test_a_slope_is_its_contrast() -> None:
    values = np.array([0.3, 0.1, 0.4, 0.15])
    line = fit_slope(FOUR, values, np.eye(4) * 1e-6, np.zeros(4), [3] * 4)
    assert contrast(FOUR) @ values == pytest.approx(line.slope)
    assert contrast(FOUR).sum() == pytest.approx(0.0, abs=1e-12)
