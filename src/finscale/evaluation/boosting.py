"""Histogram gradient boosting on all features: what trees make of the same samples."""

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
# Small trees and slow steps: there is little signal, and what 31 leaves find in it is noise.
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "random_state": 0,
}


@dataclass(frozen=True)
class Boosting:
    """Boosted trees for log odds."""

    classifier: HistGradientBoostingClassifier

    def outputs(self, x: ArrayLike) -> Floats:
        """Give the logit for every row of `x`, shape (N, F) to (N, 1).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        logits = self.classifier.decision_function(finite_inputs(x))
        return np.asarray(logits, dtype=np.float64)[:, None]


@dataclass(frozen=True)
class BoostedGaussian:
    """Boosted trees for the mean, and others for the variance around it."""

    mean: HistGradientBoostingRegressor
    variance: HistGradientBoostingRegressor

    def outputs(self, x: ArrayLike) -> Floats:
        """Give mean and log sigma for every row of `x`, shape (N, F) to (N, 2).

        Raises
        ------
        DataError
            If an input is not finite.
        """
        inputs = finite_inputs(x)
        log_sigma = 0.5 * np.log(self.variance.predict(inputs))
        return np.stack([self.mean.predict(inputs), log_sigma], axis=1)


def fit_boosting(x_train: ArrayLike, y_train: ArrayLike, horizon: int) -> Boosting:
    """Fit trees for a class, as many as the last part of training likes best.

    Parameters
    ----------
    x_train : array_like, shape (N, F)
        Inputs of the training rows, in order of time.
    y_train : array_like, shape (N,)
        Labels, 0 or 1.
    horizon : int
        Bars a label looks ahead: so many samples less one before the last part are left out,
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
    """Fit trees for a return's mean, then for its squared error, as `fit_boosting` does.

    The squared errors are fitted by gamma deviance with a logarithmic link, which is a normal
    likelihood in its variance up to a factor (McCullagh & Nelder 1989, *Generalized Linear
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
    floor = 1e-6 * float(squares.mean())  # a gamma variable is positive
    return BoostedGaussian(mean, _fit_regressor(inputs, squares + floor, horizon, "gamma"))


def _fit_regressor(
    inputs: Floats, targets: Floats, horizon: int, loss: str
) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor  # takes seconds, needed here only

    n_trees = _best_size(HistGradientBoostingRegressor, inputs, targets, horizon, loss)
    return HistGradientBoostingRegressor(**_fixed(n_trees, loss)).fit(inputs, targets)


def _best_size(kind: type[Any], inputs: Floats, targets: Floats, horizon: int, loss: str) -> int:
    """Return the number of trees after which the chronological tail's loss is least.

    The library's own early stopping would draw its samples at random: neighbours in time, whose
    labels overlap, on both sides.
    """
    end, start = tail_cut(len(targets), horizon)
    model = kind(
        loss=loss, max_iter=MAX_TREES, early_stopping=True, n_iter_no_change=20, tol=0.0, **SETTINGS
    )
    model.fit(inputs[:end], targets[:end], X_val=inputs[start:], y_val=targets[start:])
    return max(1, int(np.argmax(model.validation_score_)))


def _fixed(n_trees: int, loss: str) -> dict[str, Any]:
    return {"loss": loss, "max_iter": n_trees, "early_stopping": False, **SETTINGS}
