"""Rival laws fitted to the same points, with their misfit and their prediction error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finscale.laws.differences import DifferenceFit, fit_differences
from finscale.laws.forms import BROKEN, CONSTANT, DATA, FLOORED, JOINT, LOG_LINEAR, POWER, Form
from finscale.laws.gls import check_points, whitener
from finscale.laws.huber import LossFit, fit_loss, quasi_deviance
from finscale.laws.power import FitStatus

Floats = NDArray[np.float64]

ON_SIZES = (CONSTANT, LOG_LINEAR, POWER, FLOORED, BROKEN)
MIN_DISTINCT = 3
TINY = 1e-300
WITH_SAMPLES = (*ON_SIZES, DATA, JOINT)


@dataclass(frozen=True)
class Rival:
    """A rival law with its fit.

    Attributes
    ----------
    form : str
    n_constants : int
    objective : float
        Chi squared under the covariance; for positive losses the mean Huber loss of the log
        residuals in units of delta squared. NaN, like what follows, where the points are no
        more than the constants.
    aicc : float
        Akaike's criterion for small samples (Hurvich & Tsai 1989, Biometrika 76);
        infinite with too few points for it.
    held_out_error : float
        Nats between the mean of the largest size and its forecast from the others.
    status : FitStatus
    constants : dict of str to float
        What was fitted to all points, by name; empty where nothing was.
    """

    form: str
    n_constants: int
    objective: float
    aicc: float
    held_out_error: float
    status: FitStatus
    constants: dict[str, float] = field(default_factory=dict)


def compare(
    n_params: ArrayLike,
    loss: ArrayLike,
    *,
    n_samples: ArrayLike | None = None,
    cov: ArrayLike | None = None,
    huber_delta: float | None = None,
) -> tuple[Rival, ...]:
    """Fit rival laws to the same points.

    Parameters
    ----------
    n_params : array_like, shape (P,)
        Sizes N.
    loss : array_like, shape (P,)
        Losses, or paired differences from a reference, in nats.
    n_samples : array_like, shape (P,), optional
        Training samples D: adds the laws in data. Only with `huber_delta`.
    cov : array_like, shape (P, P), optional
        Covariance of `loss`, for generalised least squares in nats.
    huber_delta : float, optional
        Given, losses are positive and fitted by Huber's loss on log residuals.

    Raises
    ------
    DataError
        If points are not what a law can be fitted to.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.laws import compare
    >>> sizes = np.array([1e5, 3e5, 1e6, 3e6, 1e7, 3e7])
    >>> rivals = compare(sizes, 0.1 + 2.0 * sizes**-0.3)
    >>> [rival.form for rival in rivals]
    ['constant', 'log-linear', 'power law', 'power law with floor', 'broken power law']
    >>> min(rivals, key=lambda rival: rival.aicc).form
    'power law with floor'
    """
    assert n_samples is None or huber_delta is not None, "laws in data are of positive losses"
    assert cov is None or huber_delta is None, "one error model"
    variables = [n_params] if n_samples is None else [n_params, n_samples]
    sizes, values = check_points(n_params, loss)
    points = np.stack([np.asarray(column, dtype=np.float64) for column in variables], axis=1)
    whitener(cov, len(sizes))  # refuses what is not a covariance
    is_kept = sizes < sizes.max()

    def fitted(form: Form, chosen: NDArray[np.bool_]) -> LossFit | DifferenceFit | None:
        at, target = points[chosen], values[chosen]
        if len(target) <= len(form.constants) or np.unique(at[:, 0]).size < MIN_DISTINCT:
            return None
        if huber_delta is not None:
            return fit_loss(form, *at.T, target, huber_delta=huber_delta)
        part = None if cov is None else np.asarray(cov)[np.ix_(chosen, chosen)]
        return fit_differences(form, at[:, 0], target, cov=part)

    def rival(form: Form) -> Rival:
        whole, part = fitted(form, np.ones_like(is_kept)), fitted(form, is_kept)
        error = math.nan
        if part is not None:
            forecast = part.predict(*points[~is_kept].T)
            error = abs(float(values[~is_kept].mean()) - float(forecast.mean()))
        return _row(form, whole, error, len(values), is_known=cov is not None)

    return tuple(rival(form) for form in (ON_SIZES if n_samples is None else WITH_SAMPLES))


def _row(
    form: Form, fit: LossFit | DifferenceFit | None, error: float, n_points: int, *, is_known: bool
) -> Rival:
    n_constants = len(form.constants)
    if fit is None:
        nan = math.nan
        return Rival(form.name, n_constants, nan, nan, error, FitStatus.NOT_IDENTIFIABLE)
    if isinstance(fit, LossFit):
        objective, deviance = fit.objective, quasi_deviance(fit.objective, n_points)
    else:
        objective, deviance = fit.chi2, fit.chi2
        if not is_known:
            deviance = n_points * math.log(max(fit.chi2, TINY) / n_points)
    # An estimated noise counts as one more constant.
    aicc = _aicc(deviance, n_constants + (0 if is_known else 1), n_points)
    return Rival(form.name, n_constants, objective, aicc, error, fit.status, fit.constants)


def _aicc(deviance: float, n_constants: int, n_points: int) -> float:
    left = n_points - n_constants - 1
    if left <= 0:
        return math.inf
    return deviance + 2.0 * n_constants + 2.0 * n_constants * (n_constants + 1) / left
