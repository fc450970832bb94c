"""Variance between seeds, moderated over the cells of a study."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

# A variance of exactly 0 has no logarithm; it is replaced by this share of the median (as in
# limma, the reference implementation of Smyth 2004).
FLOOR_SHARE = 1e-5


def moderate(seed_variance: ArrayLike, n_seeds: ArrayLike) -> Floats:
    """Shrink the cells' seed variances towards their common value, as far as they agree.

    Three seeds give a variance with two degrees of freedom: weights 1 / variance of such
    estimates have no mean, and chi squared under them rejects sound laws. The empirical Bayes
    estimate ``(d0 s0^2 + d s^2) / (d0 + d)``, with d0 and s0 from the spread of log s^2, lies
    between each cell's own and one for all (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1),
    section 6.2).

    Parameters
    ----------
    seed_variance : array_like, shape (J,)
        Variance of each cell's mean from its seeds, s^2 / S.
    n_seeds : array_like, shape (J,)

    Returns
    -------
    ndarray, shape (J,)
        In the same units.
    """
    counts = np.asarray(n_seeds, dtype=np.float64)
    squares = np.asarray(seed_variance, dtype=np.float64) * counts
    own = counts - 1.0
    median = float(np.median(squares))
    if len(squares) < 2 or (own < 1.0).any() or median <= 0.0:
        return squares / counts
    logs = np.log(np.maximum(squares, FLOOR_SHARE * median))
    # Unbiased for log sigma^2, each with the variance trigamma(d / 2).
    centred = logs - digamma(own / 2.0) + np.log(own / 2.0)
    excess = float(np.var(centred, ddof=1) - np.mean(polygamma(1, own / 2.0)))
    if excess <= 0.0:
        return np.asarray(math.exp(float(centred.mean())) / counts, dtype=np.float64)
    prior = 2.0 * inverse_trigamma(excess)
    common = math.exp(float(centred.mean()) + float(digamma(prior / 2.0)) - math.log(prior / 2.0))
    shrunk = (prior * common + own * squares) / (prior + own)
    return np.asarray(shrunk / counts, dtype=np.float64)


def inverse_trigamma(value: float) -> float:
    """Solve trigamma(y) = `value` by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    assert value > 0.0, "trigamma is positive"
    y = 0.5 + 1.0 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1.0 - trigamma / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-10 * y:
            break
    return y
