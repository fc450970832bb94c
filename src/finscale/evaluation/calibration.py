"""Calibration of forecasts: stated probabilities compared with observed frequencies.

Legend: `N` samples, `B` bins, `L` levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, ndtr, ndtri

from finscale.evaluation.scores import Floats, bce_with_logits

LEVEL = 0.95
# Nominal levels of the central intervals at which the coverage of a density is measured.
NOMINAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Forecast probabilities and observed frequencies.

    Attributes
    ----------
    forecast : ndarray, shape (B,)
        Mean probability of a bin, or the nominal level of an interval.
    frequency : ndarray, shape (B,)
        Share of ones in the bin, or of samples inside the interval.
    n : ndarray, shape (B,)
        Number of samples in the bin, or of all samples.
    low, high : ndarray, shape (B,)
        95 % Wilson interval of the share, as if the samples were independent.
    """

    forecast: Floats
    frequency: Floats
    n: Floats
    low: Floats
    high: Floats


def reliability(y: ArrayLike, logit: ArrayLike, n_bins: int = 10) -> Reliability:
    """Compare forecast probabilities with observed frequencies, in bins of equal count.

    Equal forecasts share a bin, even if its count is then larger: a constant forecast has one bin.

    Parameters
    ----------
    y : array_like, shape (N,)
        Labels, 0 or 1.
    logit : array_like, shape (N,)
        Log odds of the forecast, finite.
    n_bins : int
        Maximum number of bins.
    """
    labels, logits = np.asarray(y, dtype=np.float64), np.asarray(logit, dtype=np.float64)
    assert np.isfinite(bce_with_logits(labels, logits)).all(), "finite logits of labels 0 and 1"
    probability = expit(logits)
    edges = np.unique(np.quantile(probability, np.linspace(0.0, 1.0, n_bins + 1)[1:-1]))
    bins = np.searchsorted(edges, probability, side="left")
    counts = np.bincount(bins).astype(np.float64)
    sums = (np.bincount(bins, weights=values) for values in (probability, labels))
    said, ones = (total[counts > 0] for total in sums)
    n = counts[counts > 0]
    return Reliability(said / n, ones / n, n, *wilson(ones, n))


def coverage_curve(
    y: ArrayLike, mean: ArrayLike, log_sigma: ArrayLike, levels: ArrayLike = NOMINAL
) -> Reliability:
    """Compare the nominal levels of a Gaussian's central intervals with the shares inside them.

    With the probability integral transform u (Dawid 1984, JRSS A 147), a sample lies inside the
    central interval of level q if |2 u - 1| <= q.

    Parameters
    ----------
    y, mean, log_sigma : array_like, shape (N,)
        Observed values, and mean and log standard deviation of their forecasts.
    levels : array_like, shape (L,)
        Nominal levels of the intervals.
    """
    centre, scale = np.asarray(mean, dtype=np.float64), np.exp(np.asarray(log_sigma))
    depth = np.abs(2.0 * ndtr((np.asarray(y, dtype=np.float64) - centre) / scale) - 1.0)
    nominal = np.asarray(levels, dtype=np.float64)
    inside = (depth[None, :] <= nominal[:, None]).sum(axis=1).astype(np.float64)
    n = np.full(nominal.size, float(depth.size))
    return Reliability(nominal, inside / n, n, *wilson(inside, n))


def wilson(successes: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % interval of a share (Wilson 1927, JASA 22), also valid near 0 and 1."""
    k, total = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = float(ndtri(0.5 + LEVEL / 2.0))
    centre = (k + z**2 / 2.0) / (total + z**2)
    reach = z / (total + z**2) * np.sqrt(k * (total - k) / total + z**2 / 4.0)
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
