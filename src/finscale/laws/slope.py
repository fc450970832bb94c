"""Slope of the paired difference per decade of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from finscale.laws.gls import check_points, fit_linear, whitener

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """A straight line in log10 of the size.

    Attributes
    ----------
    slope : float
        Nats a day per decade of parameters.
    se : float
        Its standard error, already inflated.
    intercept, intercept_se : float
        Height of the line at `centre` in nats a day, and its (inflated) standard error.
    centre : float
        log10 of the size at which slope and intercept are uncorrelated.
    chi2, dof : float, int
        Residual chi squared and its degrees of freedom (points - 2).
    inflation : float
        ``max(1, sqrt(chi2 / dof))``: 1 where the line fits within the errors.
    """

    slope: float
    se: float
    intercept: float
    intercept_se: float
    centre: float
    chi2: float
    dof: int
    inflation: float

    def interval(self, level: float, variance_dof: float = math.inf) -> tuple[float, float]:
        """Two-sided interval of the slope, in nats a day per decade.

        Parameters
        ----------
        level : float
            Coverage, between 0 and 1.
        variance_dof : float
            Degrees of freedom behind the covariance that the fit was given; infinite for a
            known one, which gives normal quantiles. Misfit enters through `inflation` alone
            (as the Particle Data Group does), not through the quantile a second time.
        """
        reach = quantile(level, variance_dof) * self.se
        return self.slope - reach, self.slope + reach

    def predict(self, n_params: ArrayLike) -> Floats:
        """Height of the line at the given sizes, in nats a day."""
        offset = np.log10(np.asarray(n_params, dtype=np.float64)) - self.centre
        return np.asarray(self.intercept + self.slope * offset, dtype=np.float64)

    def band(
        self, n_params: ArrayLike, level: float, variance_dof: float = math.inf
    ) -> tuple[Floats, Floats]:
        """Pointwise interval of the line at the given sizes, in nats a day."""
        offset = np.log10(np.asarray(n_params, dtype=np.float64)) - self.centre
        reach = quantile(level, variance_dof) * np.hypot(self.intercept_se, self.se * offset)
        middle = self.predict(n_params)
        return middle - reach, middle + reach


def fit_slope(n_params: ArrayLike, difference: ArrayLike, cov: ArrayLike | None = None) -> Slope:
    """Fit the paired difference as a line in log10 of the size, by GLS.

    Parameters
    ----------
    n_params : array_like, shape (J,)
        True parameter counts.
    difference : array_like, shape (J,)
        Mean paired difference from the reference, in nats a day.
    cov : array_like, shape (J, J), optional
        Covariance of the differences in nats squared; independent with unit variance if None.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, sizes do not differ, or `cov` is no covariance.
    """
    sizes, values = check_points(n_params, difference)
    whitening = whitener(cov, sizes.size)
    decades = np.log10(sizes)
    first = fit_linear(np.stack([np.ones_like(decades), decades], axis=1), values, whitening)
    # The centre at which the two coefficients are uncorrelated under this covariance.
    centre = -first.covariance[0, 1] / first.covariance[1, 1]
    fit = fit_linear(np.stack([np.ones_like(decades), decades - centre], axis=1), values, whitening)
    dof = sizes.size - 2
    # Birge 1932, Phys. Rev. 40, p. 207; Particle Data Group, Introduction, section 5.2.2: where
    # the points scatter more than their errors say, the errors are widened to agree.
    inflation = max(1.0, math.sqrt(fit.chi2 / dof)) if dof else 1.0
    return Slope(
        slope=float(fit.coefficients[1]),
        se=inflation * math.sqrt(fit.covariance[1, 1]),
        intercept=float(fit.coefficients[0]),
        intercept_se=inflation * math.sqrt(fit.covariance[0, 0]),
        centre=float(centre),
        chi2=fit.chi2,
        dof=dof,
        inflation=inflation,
    )


def quantile(level: float, dof: float) -> float:
    """Half-width of a two-sided interval in standard errors (Student's t; normal for inf)."""
    assert 0.0 < level < 1.0 and dof > 0, "a level between 0 and 1, and degrees of freedom"
    share = 0.5 + level / 2.0
    return float(ndtri(share) if math.isinf(dof) else stdtrit(dof, share))
