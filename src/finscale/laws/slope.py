"""Slope of the paired difference per decade of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit

from finscale.laws.gls import check_points, check_variances, fit_linear, ridged, whitener

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """The least-squares line in log10 of the size.

    Attributes
    ----------
    slope : float
        Nats a day per decade of parameters.
    se : float
        Its standard error, over days and seeds.
    intercept, intercept_se : float
        Height of the line at `centre` in nats a day, and its standard error.
    covariance : float
        Of intercept and slope.
    centre : float
        Mean of log10 of the size.
    dof : float
        Satterthwaite's degrees of freedom of `se`; infinite where no variance is estimated
        from seeds.
    chi2, chi2_dof : float, int
        Misfit of a straight line: residual chi squared of GLS under the full covariance, and
        points - 2. It widens nothing: the slope is that of the least-squares line through the
        cells' expected differences, whether or not they lie on it.
    """

    slope: float
    se: float
    intercept: float
    intercept_se: float
    covariance: float
    centre: float
    dof: float
    chi2: float
    chi2_dof: int

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided interval of the slope by Student's t, in nats a day per decade."""
        reach = quantile(level, self.dof) * self.se
        return self.slope - reach, self.slope + reach

    def tail(self, value: float) -> float:
        """One-sided p-value of the hypothesis that the slope lies beyond `value`, seen from it."""
        # Student's t with very many degrees of freedom is the normal distribution.
        return float(stdtr(min(self.dof, 1e9), -abs(self.slope - value) / self.se))

    def predict(self, n_params: ArrayLike) -> Floats:
        """Height of the line at the given sizes, in nats a day."""
        offset = np.log10(np.asarray(n_params, dtype=np.float64)) - self.centre
        return np.asarray(self.intercept + self.slope * offset, dtype=np.float64)

    def band(self, n_params: ArrayLike, level: float) -> tuple[Floats, Floats]:
        """Pointwise interval of the line, in nats a day, with the slope's degrees of freedom."""
        offset = np.log10(np.asarray(n_params, dtype=np.float64)) - self.centre
        variance = self.intercept_se**2 + 2.0 * offset * self.covariance + (offset * self.se) ** 2
        reach = quantile(level, self.dof) * np.sqrt(np.maximum(variance, 0.0))
        middle = self.predict(n_params)
        return middle - reach, middle + reach


def fit_slope(
    n_params: ArrayLike,
    difference: ArrayLike,
    day_cov: ArrayLike,
    seed_variance: ArrayLike,
    n_seeds: ArrayLike,
) -> Slope:
    """Fit the paired difference as a line in log10 of the size, by least squares.

    The slope is the contrast ``b = sum c_i d_i``, ``c_i = (x_i - mean x) / sum (x - mean x)^2``,
    with its error from the full covariance: ``var b = c' (day_cov + diag(seed_variance)) c``.
    This is generalised least squares under a working covariance of equal variances and
    correlations, with a sandwich error (Liang & Zeger 1986, Biometrika 73, section 3). Weights
    from variances of three seeds each would call slopes in a tenth of null studies.

    Parameters
    ----------
    n_params : array_like, shape (J,)
        True parameter counts.
    difference : array_like, shape (J,)
        Mean paired difference from the reference, in nats a day.
    day_cov : array_like, shape (J, J)
        Covariance of the cells' seed means over days, in nats squared.
    seed_variance : array_like, shape (J,)
        Variance of each cell's mean from its seeds: s^2 / S, in nats squared.
    n_seeds : array_like, shape (J,)
        Seeds S of each cell.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, sizes do not differ, or the covariance is none.
    """
    sizes, values = check_points(n_params, difference)
    seeds = check_variances(seed_variance, sizes.size)
    cov = ridged(np.asarray(day_cov, dtype=np.float64), seeds)
    decades = np.log10(sizes)
    centre = float(decades.mean())
    offset = decades - centre
    weights = np.stack([np.full_like(offset, 1.0 / offset.size), contrast(sizes)])
    spread = weights @ cov @ weights.T
    design = np.stack([np.ones_like(offset), offset], axis=1)
    return Slope(
        slope=float(weights[1] @ values),
        se=math.sqrt(spread[1, 1]),
        intercept=float(values.mean()),
        intercept_se=math.sqrt(spread[0, 0]),
        covariance=float(spread[0, 1]),
        centre=centre,
        dof=satterthwaite(float(spread[1, 1]), weights[1] ** 2 * seeds, n_seeds),
        chi2=fit_linear(design, values, whitener(cov, sizes.size)).chi2,
        chi2_dof=sizes.size - 2,
    )


def contrast(n_params: ArrayLike) -> Floats:
    """Weights c of the least-squares slope per decade of size: b = sum c_i d_i, shape (J,)."""
    decades = np.log10(np.asarray(n_params, dtype=np.float64))
    offset = decades - decades.mean()
    return np.asarray(offset / (offset @ offset))


def slope_of(n_params: ArrayLike, values: ArrayLike) -> float:
    """Least-squares slope per decade of size, without an error."""
    sizes, heights = check_points(n_params, values)
    # Less their mean, so that equal values have a slope of exactly 0.
    return float(contrast(sizes) @ (heights - heights.mean()))


def satterthwaite(variance: float, seed_parts: Floats, n_seeds: ArrayLike) -> float:
    """Degrees of freedom of a variance of which some parts are estimated from seeds.

    ``V^2 / sum (V_i^2 / (S_i - 1))`` over the parts of the cells' seeds (Satterthwaite 1946,
    Biometrics Bulletin 2). The part of the days rests on hundreds of them and counts as
    known.
    """
    freedom = np.maximum(np.asarray(n_seeds, dtype=np.float64) - 1.0, 1.0)
    uncertain = float(np.sum(seed_parts**2 / freedom))
    return variance**2 / uncertain if uncertain > 0.0 else math.inf


def quantile(level: float, dof: float) -> float:
    """Half-width of a two-sided interval in standard errors (Student's t; normal for inf)."""
    assert 0.0 < level < 1.0 and dof > 0, "a level between 0 and 1, and degrees of freedom"
    share = 0.5 + level / 2.0
    return float(ndtri(share) if math.isinf(dof) else stdtrit(dof, share))
