"""Baselines of returns: planted coefficients, the least loss, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.config import DataError, RefusedError
from finscale.evaluation import (
    fit_boosted_gaussian,
    fit_gaussian_prior,
    fit_linear_gaussian,
    sample_losses,
)

N = 4_001


def planted(seed: int = 3, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, returns, and the outputs of who knows: mean 0.002 x0, sigma by x1."""
    rng = np.random.default_rng(seed)
    x = rng.normal([5.0, -100.0, 0.0], [2.0, 30.0, 1.0], size=(n, 3))
    mean = 0.002 * (x[:, 0] - 5) / 2
    log_sigma = -4.6 + 0.4 * (x[:, 1] + 100) / 30
    y = mean + np.exp(log_sigma) * rng.normal(size=n)
    return x, y, np.column_stack([mean, log_sigma])


def test_the_prior_has_the_least_loss_of_constants() -> None:
    _, y, _ = planted(n=101)
    prior = fit_gaussian_prior(y)
    outputs = prior.outputs(np.zeros((101, 2)))
    assert outputs.shape == (101, 2)
    assert outputs[0] == pytest.approx([y.mean(), np.log(y.std())])
    least = sample_losses(y, outputs).mean()
    for shift in ([1e-3, 0], [-1e-3, 0], [0, 0.05], [0, -0.05]):
        assert sample_losses(y, outputs + shift).mean() > least


def test_planted_mean_and_volatility_are_found() -> None:
    x, y, truth = planted()
    fitted = fit_linear_gaussian(x, y)
    np.testing.assert_allclose(fitted.mean_weights, [0.002, 0, 0, 0], atol=5e-4)
    np.testing.assert_allclose(fitted.scale_weights, [0, 0.4, 0, -4.6], atol=0.04)
    assert np.abs(fitted.outputs(x)[:, 1] - truth[:, 1]).max() < 0.15


def test_it_is_the_maximum_of_the_penalised_likelihood() -> None:
    x, y, _ = planted(n=307)
    fitted = fit_linear_gaussian(x, y)
    unit = y.std()
    z = np.column_stack([fitted.standard.transform(x), np.ones(307)])

    def objective(mean_weights: np.ndarray, scale_weights: np.ndarray) -> float:
        outputs = np.column_stack([z @ mean_weights, z @ scale_weights])
        penalty = np.sum((mean_weights[:-1] / unit) ** 2) + np.sum(scale_weights[:-1] ** 2)
        return float(sample_losses(y, outputs).sum() + 0.5 * penalty)

    least = objective(fitted.mean_weights, fitted.scale_weights)
    for i in range(4):
        for sign in (-1, 1):
            step = np.zeros(4)
            step[i] = sign * 1e-3
            assert objective(fitted.mean_weights + unit * step, fitted.scale_weights) > least
            assert objective(fitted.mean_weights, fitted.scale_weights + step) > least


@pytest.mark.parametrize("factor", [1e-3, 100.0])
def test_the_unit_of_returns_does_not_matter(factor: float) -> None:
    x, y, _ = planted(n=211)
    fitted, scaled = fit_linear_gaussian(x, y), fit_linear_gaussian(x, factor * y)
    shift = np.log(factor)
    np.testing.assert_allclose(scaled.outputs(x)[:, 0], factor * fitted.outputs(x)[:, 0], rtol=1e-6)
    np.testing.assert_allclose(scaled.outputs(x)[:, 1], fitted.outputs(x)[:, 1] + shift, atol=1e-6)


def test_a_wild_return_and_a_constant_input_are_harmless() -> None:
    x, y, _ = planted(n=307)
    y[7] = 1.0  # a hundred sigmas
    x[:, 2] = 0.1
    outputs = fit_linear_gaussian(x, y).outputs(x)
    assert np.isfinite(outputs).all()
    assert (
        sample_losses(y, outputs).mean() < sample_losses(y, fit_gaussian_prior(y).outputs(x)).mean()
    )


def test_trees_find_what_is_not_linear() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(3_001, 4))
    sigma = np.where(np.abs(x[:, 1]) > 1, 0.03, 0.01)
    mean = np.where(x[:, 0] * x[:, 2] > 0, 0.006, -0.006)
    y = mean + sigma * rng.normal(size=3_001)
    train, ahead = slice(0, 2_000), slice(2_000, None)
    losses = {
        name: sample_losses(y[ahead], fitted.outputs(x[ahead])).mean()
        for name, fitted in {
            "prior": fit_gaussian_prior(y[train]),
            "linear": fit_linear_gaussian(x[train], y[train]),
            "boosted": fit_boosted_gaussian(x[train], y[train], 1),
        }.items()
    }
    best = sample_losses(y[ahead], np.column_stack([mean, np.log(sigma)])[ahead]).mean()
    assert losses["boosted"] < best + 0.35 * (losses["prior"] - best)
    assert losses["linear"] > best + 0.9 * (losses["prior"] - best)


def test_trees_find_nothing_in_noise() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(1_501, 5)), 0.01 * rng.normal(size=1_501)
    boosted = fit_boosted_gaussian(x[:1_000], y[:1_000], 5).outputs(x[1_000:])
    prior = fit_gaussian_prior(y[:1_000]).outputs(x[1_000:])
    excess = sample_losses(y[1_000:], boosted).mean() - sample_losses(y[1_000:], prior).mean()
    assert excess < 0.02


@pytest.mark.parametrize("n", [1, 13])
def test_returns_that_never_vary_are_refused(n: int) -> None:
    x, y = np.random.default_rng(1).normal(size=(n, 2)), np.full(n, 0.01)
    for fit in (
        lambda: fit_gaussian_prior(y),
        lambda: fit_linear_gaussian(x, y),
        lambda: fit_boosted_gaussian(x, y, 1),
    ):
        with pytest.raises(RefusedError, match="returns that vary"):
            fit()


def test_warm_up_rows_are_refused() -> None:
    x, y, _ = planted(n=307)
    linear, boosted = fit_linear_gaussian(x, y), fit_boosted_gaussian(x, y, 1)
    x[3, 1] = np.nan
    for call in (
        lambda: fit_linear_gaussian(x, y),
        lambda: fit_boosted_gaussian(x, y, 1),
        lambda: linear.outputs(x),
        lambda: boosted.outputs(x),
    ):
        with pytest.raises(DataError, match="1 of 307 rows"):
            call()
