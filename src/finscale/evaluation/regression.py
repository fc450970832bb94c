"""Scores of return forecasts from mean and log sigma: losses in nats, errors in log returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from finscale.config import LOG_SIGMA_BOUNDS, DataError
from finscale.evaluation.scores import (
    DECIMALS,
    MIN_DISTINCT,
    MIN_SPREAD,
    Floats,
)

LEVEL = 0.9


@dataclass(frozen=True)
class RegressionScores:
    """Scores of one forecast on one set of samples.

    Attributes
    ----------
    loss : float
        Mean negative log density in nats; below 0 where densities are above 1.
    mae, rmse : float
        Mean absolute error and root mean squared error of the mean forecast.
    coverage : float
        Share of returns inside the interval mean ± multiplier · sigma.
    width : float
        Mean width of that interval.
    pred_std : float
        Standard deviation of the mean forecasts (population form).
    n_distinct : int
        Number of distinct mean forecasts, in sigmas, after rounding to 1e-6.
    """

    loss: float
    mae: float
    rmse: float
    coverage: float
    width: float
    pred_std: float
    n_distinct: int


def gaussian_nll(y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike) -> Floats:
    """Return the negative log density of each sample under its normal forecast, in nats.

    Parameters
    ----------
    y, mean, log_sigma : array_like, shape (N,)
        Log returns, and mean and log standard deviation of their forecasts; the latter is clipped
        to ``LOG_SIGMA_BOUNDS``, as in training.

    Returns
    -------
    ndarray, shape (N,), float64
        NaN where the forecast is NaN.
    """
    values, means, sigma = _triple(y, mean, log_sigma)
    z = (values - means) / sigma
    return np.asarray(0.5 * np.log(2.0 * np.pi) + np.log(sigma) + 0.5 * z * z)


def score_regression(
    y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike, multiplier: ArrayLike | None = None
) -> RegressionScores:
    """Score a return forecast.

    Parameters
    ----------
    y, mean, log_sigma : array_like, shape (N,)
        Log returns and forecasts, as in `gaussian_nll`.
    multiplier : float or array_like, shape (N,), optional
        Half width of the interval in sigmas, for all samples or for each; usually the result of
        `conformal_multiplier` on validation. The default is the 90 % interval of the normal
        distribution, which shows how well the forecast itself is calibrated.

    Raises
    ------
    DataError
        If there is no sample, or an output is not finite.
    """
    values, means, sigma = _usable(y, mean, log_sigma)
    half = ndtri(0.5 + LEVEL / 2) if multiplier is None else np.asarray(multiplier)
    reach, error = half * sigma, values - means
    return RegressionScores(
        loss=float(gaussian_nll(y, mean, log_sigma).mean()),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt(np.mean(error**2))),
        coverage=float(np.mean(np.abs(error) <= reach)),
        width=float(2.0 * reach.mean()),
        pred_std=float(means.std()),
        n_distinct=_n_distinct(means, sigma),
    )


def conformal_multiplier(
    y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike, level: float = LEVEL
) -> float:
    """Return the half width, in sigmas, of intervals that cover a share `level` of returns.

    This is split conformal prediction with residuals divided by the forecast's sigma (Lei et al.
    2018, "Distribution-Free Predictive Inference for Regression", JASA 113, algorithm 2 and section
    5.2): the ⌈(n + 1) level⌉-th smallest of |y − mean| / sigma on samples that were not used for
    fitting (validation). Coverage is guaranteed only for exchangeable returns; days are not
    exchangeable, so it is measured. The result is infinite if n is too small for the level.

    Raises
    ------
    DataError
        If there is no sample, or an output is not finite.
    """
    assert 0.0 < level < 1.0, "a level lies between 0 and 1"
    values, means, sigma = _usable(y, mean, log_sigma)
    residuals = np.sort(np.abs(values - means) / sigma)
    rank = int(np.ceil((len(residuals) + 1) * level))
    return float(residuals[rank - 1]) if rank <= len(residuals) else float("inf")


def density_skill(loss: float, reference_loss: float) -> float:
    """Return the skill of a Gaussian forecast, for which a ratio of losses has no meaning.

    The loss of a density may be below 0, so logarithmic scores are compared by differences
    (Gneiting & Raftery 2007, JASA 102, section 4.1). The skill 1 − exp(loss − reference loss) is
    the share by which the reference's density at the observed returns is lower than the
    forecast's, as a geometric mean. 0 is as good as the reference, below 0 is worse; 1 % is about
    .01 nats per day.
    """
    return 1.0 - float(np.exp(loss - reference_loss))


def is_collapsed_regression(mean: ArrayLike, log_sigma: ArrayLike) -> bool:
    """Tell whether a forecast expects practically the same return every day.

    True if the means' standard deviation is below 1e-3 of a typical sigma, or if ten or more
    samples have fewer than ten distinct means. Its sigma may still vary: this is a forecast of
    volatility, which the loss rewards, but not of the return.

    Raises
    ------
    DataError
        If there is no sample, or an output is not finite.
    """
    _, means, sigma = _usable(mean, mean, log_sigma)
    few = means.size >= MIN_DISTINCT and _n_distinct(means, sigma) < MIN_DISTINCT
    return bool(few or means.std() < MIN_SPREAD * np.median(sigma))


def _triple(y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values, means, log_sigmas = (np.asarray(a, dtype=np.float64) for a in (y, mean, log_sigma))
    alike = values.shape == means.shape == log_sigmas.shape
    assert values.ndim == 1 and alike, "y, mean and log sigma are vectors alike"
    return values, means, np.exp(np.clip(log_sigmas, *LOG_SIGMA_BOUNDS))


def _usable(y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values, means, sigma = _triple(y, mean, log_sigma)
    bad = int(np.count_nonzero(~(np.isfinite(means) & np.isfinite(np.asarray(log_sigma)))))
    if means.size == 0 or bad:
        raise DataError(
            "predictions",
            expected="a finite mean and log sigma a sample, and at least one sample",
            got=f"{bad} not finite of {means.size}",
            todo="The model diverged or its inputs hold NaN: train it again.",
        )
    return values, means, sigma


def _n_distinct(means: Floats, sigma: NDArray[np.float64]) -> int:
    return int(np.unique(np.round(means / np.median(sigma), DECIMALS)).size)
