"""Bootstrap of laws: pairs and given draws, workers, and draws that identify nothing."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from finscale.config import DataError
from finscale.laws import FLOORED, bootstrap, fit_joint_law, fit_loss, fit_power_law

SIZES = np.geomspace(3e4, 3e6, 7)
TRUTH = 0.3 + 5 * SIZES**-0.3


def joint_points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, d = (side.ravel() for side in np.meshgrid(np.geomspace(1e6, 1e9, 5), [1e8, 1e9, 1e10]))
    noise = 0.01 * np.random.default_rng(59).normal(size=15)
    return n, d, (1.7 + 400 * n**-0.34 + 400 * d**-0.28) * np.exp(noise)


def test_given_draws_are_fitted_one_by_one() -> None:
    draws = TRUTH + 1e-4 * np.random.default_rng(61).normal(size=(23, 7))
    cov = 1e-8 * np.eye(7)
    found = bootstrap(partial(fit_power_law, cov=cov), SIZES, TRUTH, draws=draws)
    assert found.names == ("E", "A", "alpha")
    assert found.law.constants["alpha"] == pytest.approx(0.3, rel=1e-6)
    for row, draw in zip(found.draws, draws, strict=True):
        law = fit_power_law(SIZES, draw, cov=cov)
        assert row == pytest.approx([law.E, law.A, law.alpha], rel=1e-5)


def test_intervals_are_percentiles_of_the_draws() -> None:
    draws = TRUTH + 1e-4 * np.random.default_rng(67).normal(size=(101, 7))
    found = bootstrap(fit_power_law, SIZES, TRUTH, draws=draws)
    low, high = found.intervals(0.90)["alpha"]
    assert (low, high) == pytest.approx(tuple(np.quantile(found.draws[:, 2], (0.05, 0.95))))
    assert low < 0.3 < high
    assert found.n_identified == 101


def test_pairs_keep_a_loss_with_its_size() -> None:
    # Without noise every resample lies on the same law.
    n, d, _ = joint_points()
    loss = 1.7 + 400 * n**-0.34 + 400 * d**-0.28
    found = bootstrap(fit_joint_law, n, d, loss, n_draws=11, seed=3)
    kept = found.draws[np.isfinite(found.draws).all(axis=1)]
    assert found.names == ("E", "A", "B", "alpha", "beta")
    assert kept == pytest.approx(np.tile([1.7, 400, 400, 0.34, 0.28], (len(kept), 1)), rel=1e-4)


def test_workers_change_nothing() -> None:
    points = joint_points()
    alone, together = (
        bootstrap(fit_joint_law, *points, n_draws=5, workers=workers) for workers in (1, 2)
    )
    assert together.draws == pytest.approx(alone.draws, rel=1e-12, nan_ok=True)


def test_a_form_on_its_own_is_resampled_too() -> None:
    fit = partial(fit_loss, FLOORED)
    found = bootstrap(fit, SIZES, TRUTH, n_draws=13, seed=1)
    assert found.intervals()["alpha"] == pytest.approx((0.3, 0.3), rel=1e-4)


def test_draws_without_a_law_are_counted_out() -> None:
    draws = np.stack([TRUTH, TRUTH[::-1], TRUTH])
    found = bootstrap(fit_power_law, SIZES, TRUTH, draws=draws)
    assert np.isnan(found.draws[1]).all()
    assert found.n_identified == 2
    # Four points of four sizes: most resamples hold fewer than three.
    few = bootstrap(partial(fit_loss, FLOORED), SIZES[:4], TRUTH[:4], n_draws=40)
    assert 0 < few.n_identified < 40
    rising = bootstrap(fit_power_law, SIZES, TRUTH, draws=TRUTH[None, ::-1])
    assert np.isnan(rising.intervals()["alpha"]).all()


@pytest.mark.parametrize("draws", [np.ones((3, 5)), np.ones(7), np.full((2, 7), np.nan)])
def test_other_draws_are_refused(draws: np.ndarray) -> None:
    with pytest.raises(DataError, match="draws x 7 points"):
        bootstrap(fit_power_law, SIZES, TRUTH, draws=draws)
