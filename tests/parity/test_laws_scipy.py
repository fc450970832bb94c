"""Fits agree with general-purpose solvers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import ttest_ind

from finscale.laws import FLOORED, fit_differences, fit_power_law, fit_slope

SIZES = np.geomspace(3e4, 3e6, 11)


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_noisy_power_law_equals_curve_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(11, 11))
    cov = 1e-4 * (root @ root.T / 11 + np.eye(11))
    y = 0.35 + 4 * SIZES**-0.35 + rng.multivariate_normal(np.zeros(11), cov) * 0.1
    law = fit_power_law(SIZES, y, cov=cov)
    # In units of the middle size, where curve_fit's Jacobian is well scaled.
    centre = np.exp(np.log(SIZES).mean())
    found, _ = curve_fit(
        lambda x, e, a, alpha: e + a * x**-alpha, SIZES / centre, y, p0=(0.35, 0.05, 0.4), sigma=cov
    )
    assert law.alpha == pytest.approx(found[2], rel=1e-4)
    assert pytest.approx(found[0], rel=1e-4) == law.E


def test_slope_equals_the_normal_equations() -> None:
    rng = np.random.default_rng(7)
    root = rng.normal(size=(11, 11))
    days, seeds, y = root @ root.T, rng.uniform(1, 2, 11), rng.normal(size=11)
    design = np.column_stack([np.ones(11), np.log10(SIZES)])
    pull = np.linalg.inv(design.T @ design) @ design.T
    spread = pull @ (days + np.diag(seeds)) @ pull.T
    line = fit_slope(SIZES, y, days, seeds, [3] * 11)
    assert line.slope == pytest.approx((pull @ y)[1], rel=1e-8)
    assert line.se == pytest.approx(np.sqrt(spread[1, 1]), rel=1e-8)
    weight = np.linalg.inv(days + np.diag(seeds))
    residual = y - design @ np.linalg.solve(design.T @ weight @ design, design.T @ weight @ y)
    assert line.chi2 == pytest.approx(residual @ weight @ residual, rel=1e-8)


def test_satterthwaite_of_two_cells_is_welchs_test() -> None:
    # Two cells without day noise: the slope over one decade is a difference of two means.
    rng = np.random.default_rng(11)
    small, large = rng.normal(0, 1, 3), rng.normal(0.5, 4, 7)
    line = fit_slope(
        [1e4, 1e5],
        [small.mean(), large.mean()],
        np.zeros((2, 2)),
        [small.var(ddof=1) / 3, large.var(ddof=1) / 7],
        [3, 7],
    )
    welch = ttest_ind(large, small, equal_var=False)
    assert line.dof == pytest.approx(welch.df, rel=1e-8)
    assert 2 * line.tail(0.0) == pytest.approx(welch.pvalue, rel=1e-8)
    assert line.interval(0.95) == pytest.approx(tuple(welch.confidence_interval(0.95)), rel=1e-6)


def test_forms_in_nats_find_the_same_law() -> None:
    rng = np.random.default_rng(13)
    y = 0.35 + 4 * SIZES**-0.35 + 0.002 * rng.normal(size=11)
    cov = 4e-6 * (np.eye(11) + 0.5)
    law, form = fit_power_law(SIZES, y, cov=cov), fit_differences(FLOORED, SIZES, y, cov=cov)
    assert form.chi2 == pytest.approx(law.chi2, rel=1e-8)
    assert form.predict(3e7) == pytest.approx(float(law.predict(3e7)), rel=1e-5)
