"""Simple forecasts that a model must beat: the class prior, and logits on past-only inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from finscale.evaluation.standardise import Floats, Standard, fit_standard, two_classes

# One basis point squared: a bar with a smaller variance counts as flat.
VARIANCE_FLOOR = 1e-8
SPANS = (1, 5, 22)


@dataclass(frozen=True)
class Prior:
    """A constant forecast: the base rate of the training labels.

    Attributes
    ----------
    logit : float
        Log odds of the base rate.
    """

    logit: float

    def logits(self, x: ArrayLike) -> Floats:
        """Return the same logit for every row of `x`, shape (N,)."""
        return np.full(len(np.asarray(x)), self.logit, dtype=np.float64)

    def outputs(self, x: ArrayLike) -> Floats:
        """Return raw outputs as a model does, shape (N, 1)."""
        return self.logits(x)[:, None]


@dataclass(frozen=True)
class Logit:
    """A logistic regression on inputs standardised by its training rows.

    Attributes
    ----------
    standard : Standard
        Standardisation by the training rows.
    weights : ndarray, shape (F,)
        Log odds per standard deviation.
    intercept : float
        Log odds at the training mean.
    """

    standard: Standard
    weights: Floats
    intercept: float

    def logits(self, x: ArrayLike) -> Floats:
        """Return the log odds for every row of `x`, shape (N, F) to (N,).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        return np.asarray(self.standard.transform(x) @ self.weights + self.intercept)

    def outputs(self, x: ArrayLike) -> Floats:
        """Return raw outputs as a model does, shape (N, 1)."""
        return self.logits(x)[:, None]


def reference_inputs(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the inputs of the reference forecast: past-only volatility and returns.

    Parameters
    ----------
    bars : DataFrame
        Validated sessions with columns ``open high low close volume``, prices positive.

    Returns
    -------
    DataFrame
        On the same index: ``log_rv_5 log_rv_22`` (log of the mean squared log return),
        ``log_range_1 log_range_5 log_range_22`` (log of the mean Parkinson variance) and
        ``return_1 return_5 return_22`` (log returns), all per day. The value at a session
        uses bars up to and including it; NaN in the first 22 rows only.
    """
    close = pd.Series(np.log(bars["close"]), index=bars.index)
    squared = close.diff() ** 2
    # Parkinson 1980, J. Business 53: E[(log H/L)^2] / (4 log 2) is the variance.
    spread = np.log(bars["high"] / bars["low"]) ** 2 / (4.0 * np.log(2.0))
    # Horizons of a day, a week and a month: HAR, Corsi 2009, J. Fin. Econometrics 7.
    # The day's own squared return is left out: its range is five times as efficient.
    columns = {f"log_rv_{span}": _log_mean(squared, span) for span in SPANS[1:]}
    columns |= {f"log_range_{span}": _log_mean(spread, span) for span in SPANS}
    columns |= {f"return_{span}": close.diff(span) for span in SPANS}
    inputs = pd.DataFrame(columns, index=bars.index)
    inputs.iloc[: SPANS[-1]] = np.nan
    return inputs


def fit_prior(y_train: ArrayLike) -> Prior:
    """Fit the constant forecast with the lowest training loss.

    Parameters
    ----------
    y_train : array_like, shape (N,)
        Labels, 0 or 1.

    Raises
    ------
    RefusedError
        If the training labels hold one class only.
    """
    labels = two_classes(y_train)
    rate = labels.mean()
    return Prior(logit=float(np.log(rate) - np.log1p(-rate)))


def fit_logit(x_train: ArrayLike, y_train: ArrayLike, penalty: float = 1.0) -> Logit:
    """Fit a logistic regression with an L2 penalty on standardised inputs.

    Parameters
    ----------
    x_train : array_like, shape (N, F)
        Inputs of the training rows.
    y_train : array_like, shape (N,)
        Labels, 0 or 1.
    penalty : float
        Factor of half the squared norm of the weights, which is added to the sum of losses.

    Raises
    ------
    RefusedError
        If the training labels hold one class only.
    DataError
        If an input is not finite.
    """
    from sklearn.linear_model import LogisticRegression  # takes seconds, needed here only

    labels, standard = two_classes(y_train), fit_standard(x_train)
    model = LogisticRegression(C=1.0 / penalty, solver="lbfgs", max_iter=10_000, tol=1e-6)
    model.fit(standard.transform(x_train), labels)
    weights = np.asarray(model.coef_[0], dtype=np.float64)
    return Logit(standard=standard, weights=weights, intercept=float(model.intercept_[0]))


def _log_mean(daily: pd.Series, span: int) -> pd.Series:
    # A sum of shifted rows instead of a rolling mean, because pandas carries rounding errors of
    # old large values forward, and a forecast must not depend on them.
    mean = sum((daily.shift(lag) for lag in range(1, span)), start=daily) / span
    return pd.Series(np.log(mean.clip(lower=VARIANCE_FLOOR)), index=daily.index)
