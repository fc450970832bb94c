"""Fits to positive losses with Huber's loss on log residuals, from many starting points.

Legend: `P` points, `V` variables, `K` constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar, nnls

from finscale.config import DataError
from finscale.laws.curvature import Curvature, identifies, n_places
from finscale.laws.descent import Descent, Problem, descend
from finscale.laws.forms import Form
from finscale.laws.power import FitStatus

Floats = NDArray[np.float64]

N_REFINED = 4
MIN_DISTINCT = 3
# Heights lie this far, in log, from the losses at the centre of the points at most: e^-40 of a
# loss is nothing.
REACH = 40.0
# Smallest relative error with which a loss can be known.
EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class LossFit:
    """A form fitted to positive losses.

    Attributes
    ----------
    form : Form
    theta : ndarray, shape (K,)
        Its constants around `centre`, heights by their logarithms.
    centre : ndarray, shape (V,)
        Mean log of the variables.
    objective : float
        Mean Huber loss of the log residuals, in units of delta squared.
    n_points : int
    status : FitStatus
        ``bound_hit`` where an exponent lies at the end of what was searched, or a term is nothing
        beside the losses; ``not_identifiable`` where the points do not tell whether a term falls
        at all.
    is_determined : bool
        False where constants can change together without changing a loss: they have no values
        of their own and are NaN in `constants`.
    """

    form: Form
    theta: Floats
    centre: Floats
    objective: float
    n_points: int
    status: FitStatus
    is_determined: bool = True

    @property
    def constants(self) -> dict[str, float]:
        """The constants by name, in their own units; NaN where the points determine none."""
        if not self.is_determined:
            return dict.fromkeys(self.form.constants, math.nan)
        in_logs = (*range(self.form.n_heights), *self.form.logs)
        values = [
            math.exp(value) if place in in_logs else float(value)
            for place, value in enumerate(self.form.around(self.theta, -self.centre))
        ]
        return dict(zip(self.form.constants, values, strict=True))

    def predict(self, *variables: ArrayLike) -> Floats:
        """Loss at the given sizes (and numbers of samples), in nats."""
        logs = np.log(np.stack([np.ravel(values) for values in variables], axis=1))
        value, _ = self.form.log_value(self.theta, np.asarray(logs - self.centre, dtype=np.float64))
        return np.asarray(np.exp(value), dtype=np.float64)


def fit_loss(
    form: Form,
    *points: ArrayLike,
    huber_delta: float = 1e-3,
    start: LossFit | None = None,
    max_evaluations: int = 2_000,
) -> LossFit:
    """Fit a form by Huber's loss on log residuals.

    The objective is that of Hoffmann et al. 2022 (arXiv:2203.15556, eq. 3, approach 3),
    minimised with its analytic Jacobian by a trust-region method. Residuals are in units of
    delta, so that tolerances mean what they say: fitted with a sum that is too small for its
    tolerance, the published fit stopped early (Besiroglu et al. 2024, arXiv:2404.10102).
    Starts come from a grid of exponents, at each of which the heights are solved for (variable
    projection: Golub & Pereyra 1973, SIAM J. Numer. Anal. 10); the best are refined. A delta far
    below the residuals is reached from wider ones (`descend`). The order of points is of no
    matter.

    Parameters
    ----------
    form : Form
    *points : array_like, shape (P,) each
        Sizes N, for some forms numbers of samples D, and last the losses in nats; all positive.
    huber_delta : float
        Log residual beyond which a point counts linearly.
    start : LossFit, optional
        Of a neighbouring fit: refined alone, as a bootstrap does.
    max_evaluations : int
        Limit of each refinement; a fit stopped by it says so in its status.

    Returns
    -------
    LossFit
        ``not_identifiable`` where the variables of the form take no more values than it has
        constants, or the 95 % interval of a falling term's height or exponent, by the curvature
        at the solution and the size of the residuals, holds 0.

    Raises
    ------
    DataError
        If lengths differ, a value is not positive and finite, points are no more than constants,
        or fewer than three sizes or amounts of data differ.
    """
    assert huber_delta > 0.0, "a positive delta"
    logs, log_loss = _points(points, len(form.constants))
    # With variables centred on the points, a height and its exponent are nearly uncorrelated.
    centre = logs.mean(axis=0)
    x = logs - centre
    low, high = _bounds(form, log_loss, REACH)
    problem = Problem(form, x, log_loss, low, high, huber_delta, max_evaluations)
    if start is None or not np.isfinite(start.theta).all():
        starts = _starts(problem)
    else:
        starts = [form.around(start.theta, centre - start.centre)]
    found = descend(problem, starts, *_bounds(form, log_loss, 0.5 * REACH))
    status, is_determined = _judged(problem, found)
    return LossFit(
        form=form,
        theta=found.theta,
        centre=centre,
        objective=found.cost / len(x),
        n_points=len(x),
        status=status,
        is_determined=is_determined,
    )


def _judged(problem: Problem, found: Descent) -> tuple[FitStatus, bool]:
    """Return how the fit ended; also checks that the points determine every constant."""
    if found.status is FitStatus.BOUND_HIT:
        return found.status, True
    form, x, theta = problem.form, problem.x, found.theta
    log, slopes = form.log_value(theta, x)
    n_left = len(x) - len(theta)
    # From the mean size of residuals, as of normal ones: a wild point counts once.
    size = float(np.abs(log - problem.log_loss).mean()) * len(x) / n_left
    curvature = Curvature(slopes, max(math.sqrt(0.5 * math.pi) * size, EXACT), n_left)
    if n_places(form, x) > len(theta) and identifies(curvature, form, theta, in_logs=True):
        return found.status, True
    return FitStatus.NOT_IDENTIFIABLE, curvature.is_full


def quasi_deviance(objective: float, n_points: int) -> float:
    """Minus twice the log likelihood of log residuals, at the best scale of their noise.

    Their density is exp(-rho / s) with rho Huber's loss, over its integral (Huber 1964, Ann. Math.
    Stat. 35): normal up to delta, exponential beyond. In units of delta.

    Parameters
    ----------
    objective : float
        Mean Huber loss in units of delta squared.
    """

    def deviance(log_s: float) -> float:
        s = math.exp(log_s)
        middle = math.sqrt(2.0 * math.pi * s) * math.erf(1.0 / math.sqrt(2.0 * s))
        integral = middle + 2.0 * s * math.exp(-0.5 / s)
        return 2.0 * n_points * (math.log(integral) + objective / s)

    # Points on the law to the last digit have no scale: e^-60 of delta squared is none.
    found = minimize_scalar(deviance, bounds=(-60.0, 60.0), method="bounded")
    return float(found.fun)


def _starts(problem: Problem) -> list[Floats]:
    """Best of the form's shapes, each with heights of its own."""
    form, x = problem.form, problem.x
    found = [_with_heights(form, shape, x, problem.log_loss) for shape in form.shapes(x)]
    found.sort(key=problem.cost)
    return found[:N_REFINED]


def _with_heights(form: Form, shape: Floats, x: Floats, log_loss: Floats) -> Floats:
    loss = np.exp(log_loss)
    # Rows over the loss: a relative residual is a log residual where it is small.
    basis = np.stack([np.exp(log) for log, _ in form.terms(shape, x)], axis=1) / loss[:, None]
    heights, _ = nnls(basis, np.ones_like(loss))
    lowest = math.exp(float(log_loss.min()) - 0.5 * REACH)
    theta = shape.copy()
    theta[: form.n_heights] = np.log(np.maximum(heights, lowest))
    return theta


def _bounds(form: Form, log_loss: Floats, reach: float) -> tuple[Floats, Floats]:
    bottom = [float(log_loss.min()) - reach] * form.n_heights
    top = [float(log_loss.max()) + reach] * form.n_heights
    return np.array([*bottom, *form.low]), np.array([*top, *form.high])


def _points(points: tuple[ArrayLike, ...], n_constants: int) -> tuple[Floats, Floats]:
    arrays = [np.asarray(values, dtype=np.float64) for values in points]
    names = ("size", "number of samples")[: len(arrays) - 1]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1 or arrays[0].ndim != 1:
        raise _bad("as many losses as sizes and samples", f"shapes {shapes}")
    for name, array in zip((*names, "loss"), arrays, strict=True):
        n_bad = int(np.count_nonzero(~(np.isfinite(array) & (array > 0.0))))
        if n_bad:
            raise _bad(f"a positive, finite {name} for every point", f"{n_bad} that are not")
    if len(arrays[0]) <= n_constants:
        raise _bad(
            f"more than {n_constants} points for {n_constants} constants", str(len(arrays[0]))
        )
    for name, array in zip(names, arrays, strict=False):
        n_distinct = len(np.unique(array))
        if n_distinct < MIN_DISTINCT:
            raise _bad(f"at least {MIN_DISTINCT} values of {name} that differ", str(n_distinct))
    # Sums depend on the order of what is added: sorted, the same points give the same constants.
    order = np.lexsort(arrays[::-1])
    arrays = [array[order] for array in arrays]
    return np.log(np.stack(arrays[:-1], axis=1)), np.log(arrays[-1])


def _bad(expected: str, got: str) -> DataError:
    return DataError(
        "points of a scaling law", expected=expected, got=got, todo="Look at the runs behind them."
    )
