"""Simple return forecasts that a model must beat: constant, and linear mean and log sigma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finscale.evaluation.standardise import Floats, Standard, fit_standard, spread_returns

MAX_STEPS, TOLERANCE = 100, 1e-10
# E[log chi²] with one degree of freedom: Harvey 1976, Econometrica 44, eq. 9.
MEAN_LOG_CHI2 = -1.2704


@dataclass(frozen=True)
class GaussianPrior:
    """A constant forecast: mean and standard deviation of the training returns."""

    mean: float
    log_sigma: float

    def outputs(self, x: ArrayLike) -> Floats:
        """Return mean and log sigma for every row of `x`, shape (N, 2)."""
        return np.tile([self.mean, self.log_sigma], (len(np.asarray(x)), 1))


@dataclass(frozen=True)
class LinearGaussian:
    """Mean and log sigma, both linear in inputs standardised by the training rows.

    Attributes
    ----------
    mean_weights, scale_weights : ndarray, shape (F + 1,)
        Weights of the inputs, followed by the intercept.
    """

    standard: Standard
    mean_weights: Floats
    scale_weights: Floats

    def outputs(self, x: ArrayLike) -> Floats:
        """Return mean and log sigma for every row of `x`, shape (N, F) to (N, 2).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        z = _with_one(self.standard.transform(x))
        return np.stack([z @ self.mean_weights, z @ self.scale_weights], axis=1)


def fit_gaussian_prior(y_train: ArrayLike) -> GaussianPrior:
    """Fit the constant normal forecast with the lowest training loss.

    Raises
    ------
    RefusedError
        If the returns never vary.
    """
    returns = spread_returns(y_train)
    return GaussianPrior(mean=float(returns.mean()), log_sigma=float(np.log(returns.std())))


def fit_linear_gaussian(
    x_train: ArrayLike, y_train: ArrayLike, penalty: float = 1.0
) -> LinearGaussian:
    """Fit a linear mean and a linear log volatility by penalised maximum likelihood.

    This is the model of multiplicative heteroscedasticity (Harvey 1976, "Estimating Regression
    Models with Multiplicative Heteroscedasticity", Econometrica 44). Weighted least squares for the
    mean and Fisher scoring for log sigma alternate, with an L2 penalty on standardised inputs.

    Parameters
    ----------
    x_train : array_like, shape (N, F)
    y_train : array_like, shape (N,)
        Log returns.
    penalty : float
        Factor of the squared norm of the weights.

    Raises
    ------
    RefusedError
        If the returns never vary.
    DataError
        If an input is not finite.
    """
    returns, standard = spread_returns(y_train), fit_standard(x_train)
    unit = float(returns.std())
    y, z = returns / unit, _with_one(standard.transform(x_train))
    ridge = penalty * np.diag(np.append(np.ones(z.shape[1] - 1), 0.0))
    mean_weights = np.linalg.solve(z.T @ z + ridge, z.T @ y)
    log_squares = np.log((y - z @ mean_weights) ** 2 + 1e-12) - MEAN_LOG_CHI2
    scale_weights = 0.5 * np.linalg.solve(z.T @ z + ridge, z.T @ log_squares)
    for _ in range(MAX_STEPS):
        weight = np.exp(-2.0 * z @ scale_weights)
        weighted = z * weight[:, None]
        mean_weights = np.linalg.solve(weighted.T @ z + ridge, weighted.T @ y)
        excess = weight * (y - z @ mean_weights) ** 2 - 1.0
        # The information of log sigma is 2 Z'Z. Long steps are shortened, since exp would overflow.
        score = z.T @ excess - ridge @ scale_weights
        step = np.linalg.solve(2.0 * z.T @ z + ridge, score)
        step /= max(1.0, float(np.abs(step).max()))
        scale_weights = scale_weights + step
        if float(np.abs(step).max()) < TOLERANCE:
            break
    scale_weights[-1] += np.log(unit)
    return LinearGaussian(standard, np.asarray(unit * mean_weights), np.asarray(scale_weights))


def _with_one(z: Floats) -> Floats:
    return np.column_stack([z, np.ones(len(z))])
