"""Power law with an irreducible part, ``E + A x^-alpha``, fitted in nats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar

from finscale.laws.gls import LinearFit, check_points, fit_linear, in_order, whitener
from finscale.laws.slope import quantile

Floats = NDArray[np.float64]

ALPHA_BOUNDS = (1e-3, 5.0)
N_STARTS = 64
NEIGHBOURS = 4
N_PROFILE = 41
MIN_POINTS = 4
LEVEL = 0.95
# Relative precision of a sum of doubles, by its largest term.
EXACT = 1e-12


class FitStatus(StrEnum):
    """How a fit ended."""

    CONVERGED = "converged"
    BOUND_HIT = "bound_hit"
    MAX_ITERATIONS = "max_iterations"
    NOT_IDENTIFIABLE = "not_identifiable"


@dataclass(frozen=True)
class PowerLaw:
    """A fitted ``E + A x^-alpha``.

    Attributes
    ----------
    E : float
        What is left at infinite size, in nats; negative where the reference is beaten.
    A, alpha : float
        Reducible part at ``x = 1`` in nats, and its exponent. NaN, like `E`, where there are too
        few sizes or nothing declines.
    chi2, dof : float, int
        Residual chi squared (sum of squares without a covariance), and points - 3.
    status : FitStatus
        A fit at a bound of alpha has no exponent of its own: it is a logarithm (lower bound)
        or a step (upper bound). A fit whose exponent's interval reaches a bound is not
        identifiable: its constants are the best of many that are nearly as good.
    """

    E: float
    A: float
    alpha: float
    chi2: float
    dof: int
    status: FitStatus

    @property
    def constants(self) -> dict[str, float]:
        """The three constants by name."""
        return {"E": self.E, "A": self.A, "alpha": self.alpha}

    def next_gain(self, x: float) -> float:
        """Fall over the decade after size `x`, in nats: A x^-alpha (1 - 10^-alpha)."""
        fall = self.A * math.exp(-self.alpha * math.log(x))
        return -fall * math.expm1(-self.alpha * math.log(10.0))

    def predict(self, x: ArrayLike) -> Floats:
        """Value of the law at sizes `x`, in nats."""
        sizes = np.asarray(x, dtype=np.float64)
        return np.asarray(self.E + self.A * sizes**-self.alpha, dtype=np.float64)


def fit_power_law(
    x: ArrayLike,
    y: ArrayLike,
    *,
    cov: ArrayLike | None = None,
    start: PowerLaw | None = None,
    max_iterations: int = 500,
) -> PowerLaw:
    """Fit ``E + A x^-alpha`` by generalised least squares in nats.

    Not on the logarithm of anything: a paired difference may be negative, and so may E
    (Hoffmann et al. 2022, arXiv:2203.15556, eq. 2 with one term, and another error model).
    E and A enter linearly and are solved for at every alpha (variable projection: Golub &
    Pereyra 1973, SIAM J. Numer. Anal. 10), around the best of 64 exponents.

    Parameters
    ----------
    x : array_like, shape (J,)
        Sizes, positive.
    y : array_like, shape (J,)
        Losses or paired differences in nats.
    cov : array_like, shape (J, J), optional
        Covariance of `y`; independent with unit variance if None.
    start : PowerLaw, optional
        Of a neighbouring fit, near whose exponent this one's is sought first.
    max_iterations : int
        Limit of the last stage; a fit stopped by it says so in its status.

    Returns
    -------
    PowerLaw
        ``not_identifiable`` for fewer than four distinct sizes, where nothing declines, or where
        the exponent's 95 % interval by profile likelihood reaches an end of what is searched; the
        noise is that of `cov`, or of the residuals without one. The order of points is of no
        matter.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, sizes do not differ, or `cov` is no covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.laws import fit_power_law
    >>> sizes = np.array([1e5, 3e5, 1e6, 3e6, 1e7])
    >>> law = fit_power_law(sizes, 0.1 + 2.0 * sizes**-0.3)
    >>> round(law.E, 4), round(law.A, 4), round(law.alpha, 4)
    (0.1, 2.0, 0.3)
    """
    law = search_power_law(x, y, cov=cov, start=start, max_iterations=max_iterations)
    if law.status is not FitStatus.CONVERGED or _is_bounded(law, x, y, cov):
        return law
    return replace(law, status=FitStatus.NOT_IDENTIFIABLE)


def search_power_law(
    x: ArrayLike,
    y: ArrayLike,
    *,
    cov: ArrayLike | None = None,
    start: PowerLaw | None = None,
    max_iterations: int = 500,
) -> PowerLaw:
    """Fit as `fit_power_law`, for callers that ask for the exponent's interval themselves.

    Its status does not say whether the points tell one exponent from another.
    """
    sizes, values, cov = in_order(*check_points(x, y), cov)
    whitening = whitener(cov, sizes.size)
    dof = sizes.size - 3
    if np.unique(sizes).size < MIN_POINTS:
        return _unidentifiable(dof)
    log_size = np.log(sizes)
    centre = float(log_size.mean())
    misfit = _misfit(log_size - centre, values, whitening)
    alpha, stopped = _best_alpha(misfit, max_iterations, start.alpha if start else math.nan)
    change = _change(alpha, log_size - centre)
    fit = fit_linear(np.stack([np.ones_like(change), change], axis=1), values, whitening)
    return _law(alpha, fit, centre, dof, _status(alpha, stopped=stopped))


def alpha_interval(
    law: PowerLaw, x: ArrayLike, y: ArrayLike, *, cov: ArrayLike | None = None, reach: float
) -> tuple[float, float]:
    """Profile-likelihood interval of a law's exponent: where chi squared rises by `reach` squared.

    E and A are fitted anew at every exponent (Venzon & Moolgavkar 1988, Applied Statistics 37),
    so that the interval follows a chi squared that is no parabola. An end that lies
    beyond the exponents searched is 0 (a logarithm cannot be excluded) or infinite (a step).

    Parameters
    ----------
    law : PowerLaw
        Fitted to `x`, `y` and `cov`.
    reach : float
        Half-width in standard errors, were chi squared a parabola: 1.96 for 95 %.
    """
    sizes, values = check_points(x, y)
    offset = np.log(sizes) - float(np.log(sizes).mean())
    misfit = _misfit(offset, values, whitener(cov, sizes.size))
    best = law.chi2 + reach**2

    def end(bound: float, beyond: float) -> float:
        if misfit(bound) <= best or math.isclose(law.alpha, bound, rel_tol=1e-3):
            return beyond
        start, stop = math.log(law.alpha), math.log(bound)
        return math.exp(brentq(lambda t: misfit(math.exp(t)) - best, start, stop, xtol=1e-10))

    return end(ALPHA_BOUNDS[0], 0.0), end(ALPHA_BOUNDS[1], math.inf)


def gain_interval(
    law: PowerLaw,
    x: ArrayLike,
    y: ArrayLike,
    *,
    cov: ArrayLike | None = None,
    reach: float,
    alphas: tuple[float, float],
) -> tuple[float, float]:
    """Profile-likelihood interval of a law's fall over the decade after the largest size.

    Of all laws whose chi squared is within `reach` squared of the least, the smallest and the
    largest fall. At an exponent the fall is linear in the data, so that what is left of `reach`
    there is its half-width in standard errors.

    Parameters
    ----------
    alphas : tuple of float
        From `alpha_interval`, with the same `reach`.
    """
    sizes, values = check_points(x, y)
    log_size, whitening = np.log(sizes), whitener(cov, sizes.size)
    offset = log_size - log_size.mean()
    low, high = (float(np.clip(alpha, *ALPHA_BOUNDS)) for alpha in alphas)
    ends = []
    for alpha in np.geomspace(low, high, N_PROFILE):
        change = _change(alpha, offset)
        fit = fit_linear(np.stack([np.ones_like(change), change], axis=1), values, whitening)
        # A coefficient of -1 falls by this much over the decade after the largest size.
        unit = -math.exp(-alpha * float(offset.max())) * math.expm1(-alpha * math.log(10.0)) / alpha
        left = math.sqrt(max(reach**2 - (fit.chi2 - law.chi2), 0.0) * fit.covariance[1, 1])
        ends += [unit * (side * left - fit.coefficients[1]) for side in (-1.0, 1.0)]
    return min(ends), max(ends)


def _is_bounded(law: PowerLaw, x: ArrayLike, y: ArrayLike, cov: ArrayLike | None) -> bool:
    """Return True if the 95 % interval of the exponent lies within the searched range."""
    noise, dof = 1.0, math.inf
    if cov is None:
        exact = EXACT * float(np.abs(np.asarray(y)).max())
        noise, dof = max(math.sqrt(law.chi2 / law.dof), exact), law.dof
    low, high = alpha_interval(law, x, y, cov=cov, reach=quantile(LEVEL, dof) * noise)
    return low > 0.0 and high < math.inf


def _misfit(offset: Floats, values: Floats, whitening: Floats) -> Callable[[float], float]:
    # Once E is projected out, one column is left to fit at each exponent.
    ones = whitening.sum(axis=1)
    ones /= np.linalg.norm(ones)
    left = whitening - np.outer(ones, ones @ whitening)
    target = left @ values

    def misfit(alpha: float) -> float:
        column = left @ _change(alpha, offset)
        residual = target - column * (column @ target / (column @ column))
        return float(residual @ residual)

    return misfit


def _change(alpha: float, offset: Floats) -> Floats:
    # (1 - u^-alpha) / alpha: with the constant the same span as u^-alpha, but it tends to log u
    # for small alpha, where u^-alpha becomes the constant again.
    return np.asarray(-np.expm1(-alpha * offset) / alpha)


def _best_alpha(
    misfit: Callable[[float], float], max_iterations: int, near: float
) -> tuple[float, bool]:
    grid = np.geomspace(*ALPHA_BOUNDS, N_STARTS)
    best = _best_start(misfit, grid, near)
    start = float(grid[best])
    below, above = grid[max(best - 1, 0)], grid[min(best + 1, N_STARTS - 1)]
    # Brent's method on the distance from the start in log alpha: its tolerance is relative to
    # its variable, which is thus small where alpha is not.
    result = minimize_scalar(
        lambda step: misfit(start * math.exp(step)),
        bounds=(math.log(below / start), math.log(above / start)),
        method="bounded",
        options={"xatol": 1e-12, "maxiter": max_iterations},
    )
    # At a bound, the point of the grid may be lower.
    alpha = start * math.exp(float(result.x))
    return (alpha if misfit(alpha) <= misfit(start) else start), not result.success


def _best_start(misfit: Callable[[float], float], grid: Floats, near: float) -> int:
    first, last = 0, len(grid)
    if math.isfinite(near):
        middle = int(np.argmin(np.abs(np.log(grid / near))))
        first, last = max(middle - NEIGHBOURS, 0), min(middle + NEIGHBOURS + 1, len(grid))
    best = first + int(np.argmin([misfit(float(alpha)) for alpha in grid[first:last]]))
    # If the lowest value is at an end of the neighbourhood, the minimum lies beyond it.
    is_end = (best == first and first > 0) or (best == last - 1 and last < len(grid))
    return _best_start(misfit, grid, math.nan) if is_end else best


def _status(alpha: float, *, stopped: bool) -> FitStatus:
    if stopped:
        return FitStatus.MAX_ITERATIONS
    at_bound = any(math.isclose(alpha, bound, rel_tol=1e-3) for bound in ALPHA_BOUNDS)
    return FitStatus.BOUND_HIT if at_bound else FitStatus.CONVERGED


def _law(alpha: float, fit: LinearFit, centre: float, dof: int, status: FitStatus) -> PowerLaw:
    height, change = (float(value) for value in fit.coefficients)
    # The second coefficient is the change per unit of log size at the centre: a loss that
    # does not fall there has no reducible part.
    if change >= -1e-12 * abs(height):
        return _unidentifiable(dof)
    return PowerLaw(
        E=height + change / alpha,
        A=-change / alpha * math.exp(alpha * centre),
        alpha=alpha,
        chi2=fit.chi2,
        dof=dof,
        status=status,
    )


def _unidentifiable(dof: int) -> PowerLaw:
    nan = math.nan
    return PowerLaw(E=nan, A=nan, alpha=nan, chi2=nan, dof=dof, status=FitStatus.NOT_IDENTIFIABLE)
