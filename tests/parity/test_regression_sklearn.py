"""Scores of returns agree with scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from finscale.evaluation import score_regression


@pytest.mark.parametrize(("n", "seed"), [(11, 2), (97, 3), (751, 5)])
def test_scores_equal_scikit_learn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, mean = 0.01 * rng.standard_t(4, n), 0.001 * rng.normal(size=n)
    log_sigma = rng.normal(-4.5, 0.4, n)
    found = score_regression(y, mean, log_sigma)
    assert found.mae == pytest.approx(metrics.mean_absolute_error(y, mean), abs=1e-12)
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(y, mean), abs=1e-12)
    density = norm(mean, np.exp(log_sigma))
    assert found.loss == pytest.approx(-density.logpdf(y).mean(), abs=1e-12)
    low, high = density.interval(0.9)
    assert found.coverage == np.mean((low <= y) & (y <= high))
    assert found.width == pytest.approx((high - low).mean(), abs=1e-12)
