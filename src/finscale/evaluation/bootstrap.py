"""How sure a mean paired difference is: days and seeds resampled together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finscale.config import DataError

Floats = NDArray[np.float64]

# Draws made at a time: bounds memory at about 100 MB for 2,500 days.
CHUNK = 1_000


def block_length(differences: Floats, horizon: int) -> float:
    """Mean length of the blocks in days, one for all cells.

    The largest of 2h and the cells' optimal lengths (Politis & White 2004, Econometric
    Reviews 23, with the correction of Patton, Politis & White 2009). The largest, not the
    median: blocks that are too short understate the variance of the most dependent cell,
    while for the others longer blocks only make the estimate a little noisier.

    Parameters
    ----------
    differences : ndarray, shape (J, T)
        Paired difference of every cell on every day, averaged over seeds.
    horizon : int
        Days a label looks ahead: the labels of h days in a row overlap.
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
    """Draw the cells' mean paired differences anew, over days and seeds.

    Every draw takes days by the stationary bootstrap (Politis & Romano 1994, JASA 89,
    section 2), the same days for all cells and seeds, so that what is common to them stays
    common; and within each cell its seeds with replacement. Seed deviations are stretched by
    sqrt(S / (S - 1)), since S seeds drawn with replacement vary less than S fresh ones
    (Rao & Wu 1988, JASA 83, section 2). Resampling both at once counts the noise that is a
    seed's own on a day up to three times (Owen 2007, "The pigeonhole bootstrap",
    Annals of Applied Statistics 1): the spread errs on the wide side.

    Parameters
    ----------
    differences : sequence of J arrays, shape (S_j, T)
        Loss of each seed of cell j minus the reference's loss on the same day, in nats.
    block_length : float
        Mean length of a block in days, at least 1.
    n_draws : int
        Number of draws R.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (R, J)
        Draws of each cell's mean difference in nats a day.

    Raises
    ------
    DataError
        If the cells were not evaluated on equally many days, or a difference is not finite.
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
    """Covariance of the cells' means over draws, shape (R, J) to (J, J), in nats squared."""
    assert draws.ndim == 2 and len(draws) >= 2, "two draws or more"
    centred = draws - draws.mean(axis=0)
    return np.asarray(centred.T @ centred / (len(draws) - 1), dtype=np.float64)


def seed_variance(differences: Sequence[Floats]) -> Floats:
    """Variance of every cell's mean from its seeds: s^2 / S, shape (J,), in nats squared.

    With s^2 the variance between the seeds' means over days. What is a seed's own on a day is in
    here and in the spread over days: the sum errs on the wide side. Zero for a single seed, which
    says nothing of others.
    """
    _n_days(differences)
    means = [cell.mean(axis=1) for cell in differences]
    variances = [mean.var(ddof=1) / len(mean) if len(mean) > 1 else 0.0 for mean in means]
    return np.array(variances, dtype=np.float64)


def intervals(draws: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Percentile interval of every cell, shape (R, J) to low (J,) and high (J,)."""
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
            todo="Train the finals concerned again.",
        )
    return lengths.pop()


def day_weights(n_days: int, length: float, n_draws: int, rng: np.random.Generator) -> Floats:
    """Share of every day in every draw, shape (n_draws, n_days); rows sum to one."""
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
    """Mean over seeds drawn with replacement, deviations stretched; (R, S) to (R,)."""
    n_draws, n_seeds = means.shape
    centre = means.mean(axis=1)
    if n_seeds == 1:
        # One seed says nothing about the spread between seeds: the gates refuse such a cell.
        return np.asarray(centre, dtype=np.float64)
    picked = rng.integers(n_seeds, size=(n_draws, n_seeds))
    drawn = np.take_along_axis(means, picked, axis=1).mean(axis=1)
    return np.asarray(centre + np.sqrt(n_seeds / (n_seeds - 1)) * (drawn - centre))
