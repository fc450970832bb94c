"""Fits of functional forms to differences in nats, by generalised least squares.

Legend: `P` points, `K` terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from finscale.laws.curvature import Curvature, identifies, n_places
from finscale.laws.descent import fit_status
from finscale.laws.forms import LOG_LINEAR, Form
from finscale.laws.gls import check_points, in_order, whitener
from finscale.laws.power import FitStatus

Floats = NDArray[np.float64]

N_REFINED = 4
# Relative precision of a sum of doubles, by its largest term.
EXACT = 1e-12


@dataclass(frozen=True, eq=False)
class DifferenceFit:
    """A form fitted to differences or losses in nats.

    Attributes
    ----------
    form : Form
    heights : ndarray, shape (K,)
        What each term is multiplied by.
    shape : ndarray
        The constants after the heights, around `centre`.
    centre : float
        Mean log of the sizes.
    chi2 : float
        Residual chi squared (sum of squares without a covariance).
    status : FitStatus
    """

    form: Form
    heights: Floats
    shape: Floats
    centre: float
    chi2: float
    status: FitStatus

    @property
    def constants(self) -> dict[str, float]:
        """The constants by name, in their own units.

        A line has its level at the middle of the sizes and its rise per decade, in nats.
        """
        if self.form is LOG_LINEAR:
            level, rise = (float(value) for value in self.heights)
            return {"level": level, "slope": rise * math.log(10.0)}
        theta = np.concatenate([np.zeros(self.form.n_heights), self.shape])
        moved = self.form.around(theta, -np.array([self.centre]))
        moved[: self.form.n_heights] = self.heights * np.exp(moved[: self.form.n_heights])
        places = list(self.form.logs)
        moved[places] = np.exp(moved[places])
        return dict(zip(self.form.constants, map(float, moved), strict=True))

    def predict(self, n_params: ArrayLike) -> Floats:
        """Value at the given sizes, in nats, shape (P,)."""
        offset = np.log(np.atleast_1d(np.asarray(n_params, dtype=np.float64))) - self.centre
        return np.asarray(_basis(self.form, self.shape, offset) @ self.heights)


def fit_differences(
    form: Form, n_params: ArrayLike, y: ArrayLike, *, cov: ArrayLike | None = None
) -> DifferenceFit:
    """Fit a form of sizes by generalised least squares.

    The heights are solved for at every shape (variable projection: Golub & Pereyra 1973, SIAM
    J. Numer. Anal. 10); the best shapes of the form's grid are refined.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, sizes do not differ, or `cov` is no covariance.
    """
    sizes, values, cov = in_order(*check_points(n_params, y), cov)
    whitening = whitener(cov, sizes.size)
    centre = float(np.log(sizes).mean())
    offset, target = np.log(sizes) - centre, whitening @ values

    def heights(shape: Floats) -> tuple[Floats, Floats]:
        basis = whitening @ _basis(form, shape, offset)
        found = np.asarray(np.linalg.lstsq(basis, target, rcond=None)[0], dtype=np.float64)
        return found, target - basis @ found

    shape, status = _best_shape(form, offset, lambda at: heights(at)[1])
    best, residual = heights(shape)
    fit = DifferenceFit(form, best, shape, centre, float(residual @ residual), status)
    if status is FitStatus.BOUND_HIT or _is_identified(fit, offset, whitening, cov is not None):
        return fit
    return replace(fit, status=FitStatus.NOT_IDENTIFIABLE)


def _is_identified(fit: DifferenceFit, offset: Floats, whitening: Floats, is_known: bool) -> bool:
    form, n_constants = fit.form, len(fit.heights) + len(fit.shape)
    n_left = len(offset) - n_constants
    if not form.falls:
        return True
    if n_places(form, offset[:, None]) <= n_constants:
        return False
    theta = np.concatenate([np.zeros(form.n_heights), fit.shape])
    terms = form.terms(theta, offset[:, None])
    # The derivative by a height is its term; the derivative by a shape is that of the sum.
    basis = np.stack([np.exp(log) for log, _ in terms], axis=1)
    shapes = sum(
        height * np.exp(log)[:, None] * by[:, form.n_heights :]
        for height, (log, by) in zip(fit.heights, terms, strict=True)
    )
    slopes = whitening @ np.concatenate([basis, np.asarray(shapes)], axis=1)
    noise = (
        1.0
        if is_known
        else max(math.sqrt(fit.chi2 / n_left), EXACT * float(np.abs(fit.heights).max()))
    )
    curvature = Curvature(slopes, noise, math.inf if is_known else n_left)
    return identifies(curvature, form, np.concatenate([fit.heights, fit.shape]), in_logs=False)


def _basis(form: Form, shape: Floats, offset: Floats) -> Floats:
    if form is LOG_LINEAR:
        # A line through 0 has no level to scale by, so the line is fitted linearly here.
        return np.stack([np.ones_like(offset), offset], axis=1)
    theta = np.concatenate([np.zeros(form.n_heights), shape])
    return np.stack([np.exp(log) for log, _ in form.terms(theta, offset[:, None])], axis=1)


def _best_shape(
    form: Form, offset: Floats, residual: Callable[[Floats], Floats]
) -> tuple[Floats, FitStatus]:
    if form is LOG_LINEAR or not form.low:
        return np.empty(0), FitStatus.CONVERGED
    shapes = [theta[form.n_heights :] for theta in form.shapes(offset[:, None])]
    shapes.sort(key=lambda shape: float(np.sum(residual(shape) ** 2)))
    low, high = np.array(form.low), np.array(form.high)
    refined = [
        least_squares(
            residual,
            shape,
            bounds=(low, high),
            x_scale="jac",
            ftol=1e-12,
            xtol=1e-12,
            gtol=1e-12,
            max_nfev=200,
        )
        for shape in shapes[:N_REFINED]
    ]
    best = min(refined, key=lambda result: float(result.cost))
    return np.asarray(best.x, dtype=np.float64), fit_status(best, low, high)
