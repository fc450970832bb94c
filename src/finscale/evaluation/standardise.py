"""Checks and standardisation of the inputs and labels of baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finscale.config import DataError, RefusedError

Floats = NDArray[np.float64]

# Share of the last part of training, on which baselines choose their settings.
TAIL_SHARE = 0.15


@dataclass(frozen=True)
class Standard:
    """Standardisation of inputs by their training rows.

    Attributes
    ----------
    mean, scale : ndarray, shape (F,)
        Mean and standard deviation of the training rows; `scale` is 1 if an input does not vary.
    """

    mean: Floats
    scale: Floats

    def transform(self, x: ArrayLike) -> Floats:
        """Standardise rows of shape (N, F).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        inputs = finite_inputs(x)
        assert inputs.shape[1] == self.mean.size, "as many inputs as in training"
        return np.asarray((inputs - self.mean) / self.scale)


def fit_standard(x_train: ArrayLike) -> Standard:
    """Fit the standardisation on training rows; a column without spread becomes 0."""
    inputs = finite_inputs(x_train)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    varies = scale > 1e-12 * np.maximum(np.abs(mean), 1e-12)
    return Standard(mean=mean, scale=np.where(varies, scale, 1.0))


def finite_inputs(x: ArrayLike) -> Floats:
    """Return inputs as float64 rows; refuse NaN and infinity."""
    inputs = np.asarray(x, dtype=np.float64)
    assert inputs.ndim == 2, "inputs are rows of features"
    bad = int(np.count_nonzero(~np.isfinite(inputs).all(axis=1)))
    if bad:
        raise DataError(
            "baseline inputs",
            expected="finite values in every row",
            got=f"{bad} of {len(inputs)} rows with NaN or infinity",
            todo="Leave the warm-up rows out.",
        )
    return inputs


def two_classes(y_train: ArrayLike) -> Floats:
    """Return labels as float64; refuse labels of only one class."""
    labels = np.asarray(y_train, dtype=np.float64)
    assert labels.ndim == 1 and bool(np.isin(labels, (0.0, 1.0)).all()), "labels are 0 or 1"
    n_positive = int(labels.sum())
    if n_positive in (0, labels.size):
        raise RefusedError(
            "training labels",
            expected="both classes",
            got=f"{n_positive} positives among {labels.size} samples",
            todo="Take a task or horizon in which both happen.",
        )
    return labels


def spread_returns(y_train: ArrayLike) -> Floats:
    """Return the returns as float64; refuse constant returns, which have no density."""
    returns = np.asarray(y_train, dtype=np.float64)
    assert returns.ndim == 1 and bool(np.isfinite(returns).all()), "returns are finite"
    if returns.size < 2 or float(np.ptp(returns)) == 0.0:
        raise RefusedError(
            "training returns",
            expected="returns that vary",
            got=f"{returns.size} samples of one value",
            todo="Take another ticker: its price does not move.",
        )
    return returns


def tail_cut(n: int, horizon: int) -> tuple[int, int]:
    """Return the end of the first part, and the start of the last, horizon - 1 samples later."""
    start = n - round(TAIL_SHARE * n)
    return max(2, start - horizon + 1), start
