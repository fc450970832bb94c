"""Interactions: differences between the slopes of two problems (horizon, features, market).

Legend: `P` problems.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from finscale.laws.multiple_testing import holm_adjusted
from finscale.laws.slope import Slope, quantile

Floats = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class SlopeDifference:
    """Difference between the slopes of two problems.

    Attributes
    ----------
    first, second : int
        The problems' places.
    difference : float
        Slope of the second less that of the first, in nats a day per decade.
    low, high : float
        Its 95 % interval, not corrected for being one of several.
    p_value, p_adjusted : float
        Two-sided, of equal slopes; alone, and by Holm among all pairs.
    """

    first: int
    second: int
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float = math.nan


def compare_slopes(
    slopes: Sequence[Slope],
    day_cov: ArrayLike,
    seed_variance: ArrayLike,
    pairs: Sequence[tuple[int, int]],
) -> tuple[SlopeDifference, ...]:
    """Compare slopes that different models had on the same days.

    Days move the losses of all problems together, so that a difference may be surer than either
    slope; seeds are each problem's own.

    Parameters
    ----------
    slopes : sequence of Slope
        Of P problems.
    day_cov : array_like, shape (P, P)
        Covariance of the slopes over days, in nats squared.
    seed_variance : array_like, shape (P,)
        Variance of each slope from its seeds.
    pairs : sequence of (int, int)
        Which to compare.

    Returns
    -------
    tuple of SlopeDifference
        In the order of `pairs`, with Holm's p-values.
    """
    cov_PP = np.asarray(day_cov, dtype=np.float64)
    seeds_P = np.asarray(seed_variance, dtype=np.float64)
    assert cov_PP.shape == (len(slopes), len(slopes)) == 2 * seeds_P.shape, "one row a problem"
    alone = [_compare(slopes, cov_PP, seeds_P, first, second) for first, second in pairs]
    adjusted = holm_adjusted([found.p_value for found in alone], len(alone))
    return tuple(replace(found, p_adjusted=p) for found, p in zip(alone, adjusted, strict=True))


def _compare(
    slopes: Sequence[Slope], cov_PP: Floats, seeds_P: Floats, first: int, second: int
) -> SlopeDifference:
    days = cov_PP[first, first] + cov_PP[second, second] - 2.0 * cov_PP[first, second]
    variance = max(float(days), 0.0) + float(seeds_P[first] + seeds_P[second])
    difference = slopes[second].slope - slopes[first].slope
    if variance == 0.0:  # the same models on the same days differ by exactly 0
        return SlopeDifference(first, second, difference, difference, difference, 1.0)
    # Satterthwaite 1946, Biometrics Bulletin 2: se^4 / dof is what the seeds leave uncertain of
    # each slope's own variance.
    uncertain = sum(slopes[place].se ** 4 / slopes[place].dof for place in (first, second))
    dof = variance**2 / uncertain if uncertain > 0.0 else math.inf
    reach = quantile(LEVEL, dof) * math.sqrt(variance)
    p_value = 2.0 * float(stdtr(min(dof, 1e9), -abs(difference) / math.sqrt(variance)))
    return SlopeDifference(
        first, second, difference, difference - reach, difference + reach, p_value
    )
