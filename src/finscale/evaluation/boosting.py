"""Baseline of histogram gradient boosting on all features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from finscale.evaluation.standardise import (
    Floats,
    finite_inputs,
    spread_returns,
    tail_cut,
    two_classes,
)

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

MAX_TREES = 300
# Small trees and a small learning rate, because the signal is weak and 31 leaves would fit noise.
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "random_state": 0,
}


@dataclass(frozen=True)
class Boosting:
    """A forecast of log odds by boosted trees."""

    classifier: HistGradientBoostingClassifier

    def outputs(self, x: ArrayLike) -> Floats:
        """Return the logit for every row of `x`, shape (N, F) to (N, 1).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        logits = self.classifier.decision_function(finite_inputs(x))
        return np.asarray(logits, dtype=np.float64)[:, None]


@dataclass(frozen=True)
class BoostedGaussian:
    """A forecast of mean and variance, each by boosted trees."""

    mean: HistGradientBoostingRegressor
    variance: HistGradientBoostingRegressor

    def outputs(self, x: ArrayLike) -> Floats:
        """Return mean and log sigma for every row of `x`, shape (N, F) to (N, 2).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        inputs = finite_inputs(x)
        log_sigma = 0.5 * np.log(self.variance.predict(inputs))
        return np.stack([self.mean.predict(inputs), log_sigma], axis=1)


def fit_boosting(x_train: ArrayLike, y_train: ArrayLike, horizon: int) -> Boosting:
    """Fit boosted trees for a class; their number has the lowest loss on the last part of training.

    Parameters
    ----------
    x_train : array_like, shape (N, F)
        Inputs of the training rows, in order of time.
    y_train : array_like, shape (N,)
        Labels, 0 or 1.
    horizon : int
        How many bars ahead a label looks: horizon - 1 samples before the last part are left out,
        since their labels reach into it.

    Raises
    ------
    RefusedError
        If the training labels hold one class only.
    DataError
        If an input is not finite.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # takes seconds, needed here only

    labels, inputs = two_classes(y_train), finite_inputs(x_train)
    n_trees = 1
    if len(np.unique(labels[: tail_cut(len(labels), horizon)[0]])) == 2:
        n_trees = _best_size(HistGradientBoostingClassifier, inputs, labels, horizon, "log_loss")
    return Boosting(
        HistGradientBoostingClassifier(**_fixed(n_trees, "log_loss")).fit(inputs, labels)
    )


def fit_boosted_gaussian(x_train: ArrayLike, y_train: ArrayLike, horizon: int) -> BoostedGaussian:
    """Fit boosted trees for the mean of a return, then for the squared errors, as `fit_boosting`.

    The squared errors are fitted by gamma deviance with a logarithmic link, which is the normal
    likelihood of the variance up to a factor (McCullagh & Nelder 1989, *Generalized Linear
    Models*, section 10.2).

    Raises
    ------
    RefusedError
        If the returns never vary.
    DataError
        If an input is not finite.
    """
    returns, inputs = spread_returns(y_train), finite_inputs(x_train)
    mean = _fit_regressor(inputs, returns, horizon, "squared_error")
    squares = (returns - mean.predict(inputs)) ** 2
    floor = 1e-6 * float(squares.mean())  # gamma deviance needs positive values
    return BoostedGaussian(mean, _fit_regressor(inputs, squares + floor, horizon, "gamma"))


def _fit_regressor(
    inputs: Floats, targets: Floats, horizon: int, loss: str
) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor  # takes seconds, needed here only

    n_trees = _best_size(HistGradientBoostingRegressor, inputs, targets, horizon, loss)
    return HistGradientBoostingRegressor(**_fixed(n_trees, loss)).fit(inputs, targets)


def _best_size(kind: type[Any], inputs: Floats, targets: Floats, horizon: int, loss: str) -> int:
    """Return the number of trees with the lowest loss on the last part in time.

    The library's own early stopping draws validation samples at random, so that neighbours in time
    with overlapping labels would be on both sides.
    """
    end, start = tail_cut(len(targets), horizon)
    model = kind(
        loss=loss, max_iter=MAX_TREES, early_stopping=True, n_iter_no_change=20, tol=0.0, **SETTINGS
    )
    model.fit(inputs[:end], targets[:end], X_val=inputs[start:], y_val=targets[start:])
    return max(1, int(np.argmax(model.validation_score_)))


def _fixed(n_trees: int, loss: str) -> dict[str, Any]:
    return {"loss": loss, "max_iter": n_trees, "early_stopping": False, **SETTINGS}
