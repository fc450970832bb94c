"""Uncertainty of mean paired differences by a block bootstrap over days and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finscale.config import DataError

Floats = NDArray[np.float64]

# Number of draws at a time, which limits memory to about 100 MB for 2,500 days.
CHUNK = 1_000


def block_length(differences: Floats, horizon: int) -> float:
    """Return the mean block length in days, the same for all cells.

    It is the largest of 2h and the cells' optimal lengths (Politis & White 2004, Econometric
    Reviews 23, with the correction of Patton, Politis & White 2009). The largest is better than
    the median: blocks that are too short understate the variance of the most dependent cell, while
    longer blocks only make the estimates of the others slightly noisier.

    Parameters
    ----------
    differences : ndarray, shape (J, T)
        Paired difference of every cell on every day, averaged over seeds.
    horizon : int
        How many days h ahead a label looks: the labels of h days in a row overlap.
    """
    assert differences.ndim == 2 and horizon >= 1, "cells x days, and a positive horizon"
    varying = differences[np.ptp(differences, axis=1) > 0.0]
    floor = float(min(2 * horizon, differences.shape[1]))
    if not varying.size:
        return floor
    from arch.bootstrap import optimal_block_length  # takes four seconds, needed here only

    optimal = optimal_block_length(varying.T)["stationary"].to_numpy(dtype=np.float64)
    return max(floor, float(optimal.max()))


def bootstrap_means(
    differences: Sequence[Floats], block_length: float, n_draws: int, rng: np.random.Generator
) -> Floats:
    """Draw the cells' mean paired differences, resampling days and seeds.

    Every draw resamples days by the stationary bootstrap (Politis & Romano 1994, JASA 89,
    section 2), the same days for all cells and seeds, so that common effects stay common. Within
    each cell it also draws the seeds with replacement. Seed deviations are multiplied by
    sqrt(S / (S - 1)), since S seeds drawn with replacement vary less than S new ones
    (Rao & Wu 1988, JASA 83, section 2). Resampling both at once counts the noise of a single
    seed and day up to three times (Owen 2007, "The pigeonhole bootstrap", Annals of Applied
    Statistics 1), so that the spread is rather too large than too small.

    Parameters
    ----------
    differences : sequence of J arrays, shape (S_j, T)
        Loss of each seed of cell j minus the reference's loss on the same day, in nats.
    block_length : float
        Mean length of a block in days, at least 1.
    n_draws : int
        Number of draws R.
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    ndarray, shape (R, J)
        Draws of each cell's mean difference, in nats per day.

    Raises
    ------
    DataError
        If the cells have different numbers of days, or a difference is not finite.
    """
    assert block_length >= 1.0 and n_draws >= 1, "blocks and draws are at least one"
    n_days = _n_days(differences)
    stacked = np.concatenate(list(differences))
    n_seeds = [len(cell) for cell in differences]
    draws = np.empty((n_draws, len(n_seeds)), dtype=np.float64)
    for start in range(0, n_draws, CHUNK):
        size = min(CHUNK, n_draws - start)
        weights = day_weights(n_days, block_length, size, rng)
        means = np.split(weights @ stacked.T, np.cumsum(n_seeds)[:-1], axis=1)
        for cell, seed_means in enumerate(means):
            draws[start : start + size, cell] = _resample_seeds(seed_means, rng)
    return draws


def covariance(draws: Floats) -> Floats:
    """Return the covariance of the cells' means over draws, (R, J) to (J, J), in nats squared."""
    assert draws.ndim == 2 and len(draws) >= 2, "two draws or more"
    centred = draws - draws.mean(axis=0)
    return np.asarray(centred.T @ centred / (len(draws) - 1), dtype=np.float64)


def seed_variance(differences: Sequence[Floats]) -> Floats:
    """Return the variance of every cell's mean from its seeds, s^2 / S, shape (J,), nats squared.

    s^2 is the variance between the seeds' means over days. The noise of a single seed and day is
    in this variance and in the variance over days, so their sum is rather too large. The result is
    zero for a single seed, which carries no information about others.
    """
    _n_days(differences)
    means = [cell.mean(axis=1) for cell in differences]
    variances = [mean.var(ddof=1) / len(mean) if len(mean) > 1 else 0.0 for mean in means]
    return np.array(variances, dtype=np.float64)


def intervals(draws: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile interval of every cell, shape (R, J) to low (J,) and high (J,)."""
    assert 0.0 < level < 1.0, "a level lies between 0 and 1"
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, (tail, 1.0 - tail), axis=0)
    return low, high


def _n_days(differences: Sequence[Floats]) -> int:
    assert differences and all(cell.ndim == 2 for cell in differences), "seeds x days each"
    lengths: set[int] = {cell.shape[1] for cell in differences}
    if len(lengths) > 1:
        raise DataError(
            "paired losses",
            expected="the same days for every cell",
            got=f"cells of {', '.join(str(n) for n in sorted(lengths))} days",
            todo="Train the shorter cells' finals again on the same data.",
        )
    bad = sum(int(np.count_nonzero(~np.isfinite(cell))) for cell in differences)
    if bad or lengths == {0}:
        raise DataError(
            "paired losses",
            expected="a finite difference for every seed and day",
            got=f"{bad} not finite on {lengths.pop()} days",
            todo="Train these finals again.",
        )
    return lengths.pop()


def day_weights(n_days: int, length: float, n_draws: int, rng: np.random.Generator) -> Floats:
    """Draw the weight of every day in every draw, shape (n_draws, n_days); rows sum to one."""
    position = np.arange(n_days)
    starts = rng.integers(n_days, size=(n_draws, n_days))
    # A new block begins with probability 1/length on each day, and always on the first.
    is_new = rng.random((n_draws, n_days)) < 1.0 / length
    is_new[:, 0] = True
    began = np.maximum.accumulate(np.where(is_new, position, 0), axis=1)
    # The series is a circle, so that the last days are drawn as often as the others.
    days = (np.take_along_axis(starts, began, axis=1) + position - began) % n_days
    flat = (days + n_days * np.arange(n_draws)[:, None]).ravel()
    counts = np.bincount(flat, minlength=n_draws * n_days).reshape(n_draws, n_days)
    return counts / n_days


def _resample_seeds(means: Floats, rng: np.random.Generator) -> Floats:
    """Return means over seeds drawn with replacement, with scaled deviations; (R, S) to (R,)."""
    n_draws, n_seeds = means.shape
    centre = means.mean(axis=1)
    if n_seeds == 1:
        # One seed carries no information about the spread; the gates refuse such a cell.
        return np.asarray(centre, dtype=np.float64)
    picked = rng.integers(n_seeds, size=(n_draws, n_seeds))
    drawn = np.take_along_axis(means, picked, axis=1).mean(axis=1)
    return np.asarray(centre + np.sqrt(n_seeds / (n_seeds - 1)) * (drawn - centre))
