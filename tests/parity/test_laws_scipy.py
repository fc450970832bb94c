"""Fits agree with general-purpose solvers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from finscale.laws import fit_power_law, fit_slope

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
    cov, y = root @ root.T + np.eye(11), rng.normal(size=11)
    design = np.column_stack([np.ones(11), np.log10(SIZES)])
    weight = np.linalg.inv(cov)
    expected_cov = np.linalg.inv(design.T @ weight @ design)
    expected = expected_cov @ design.T @ weight @ y
    line = fit_slope(SIZES, y, cov)
    assert line.slope == pytest.approx(expected[1], rel=1e-8)
    assert line.se == pytest.approx(line.inflation * np.sqrt(expected_cov[1, 1]), rel=1e-8)
    residual = y - design @ expected
    assert line.chi2 == pytest.approx(residual @ weight @ residual, rel=1e-8)
