"""Losses and scores from raw outputs: K=1 is a logit, K=2 mean and log sigma.

Legend: `N` samples, `K` outputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from finscale.evaluation.calibration import Reliability, coverage_curve, reliability
from finscale.evaluation.regression import (
    RegressionScores,
    density_skill,
    gaussian_nll,
    is_collapsed_regression,
    score_regression,
)
from finscale.evaluation.scores import Floats, Scores, bce_with_logits, is_collapsed, score, skill


def sample_losses(y: ArrayLike, outputs_NK: ArrayLike) -> Floats:
    """Return each sample's loss in nats, shape (N,): cross-entropy for K=1, Gaussian for K=2."""
    outputs = _outputs(outputs_NK)
    if outputs.shape[1] == 1:
        return bce_with_logits(y, outputs[:, 0])
    return gaussian_nll(y, outputs[:, 0], outputs[:, 1])


def score_outputs(
    y: ArrayLike, outputs_NK: ArrayLike, multiplier: ArrayLike | None = None
) -> Scores | RegressionScores:
    """Score a forecast by its raw outputs.

    Parameters
    ----------
    multiplier : array_like, optional
        Half width, in sigmas, of a return forecast's intervals; see `score_regression`.

    Raises
    ------
    DataError
        If there is no sample, or an output is not finite.
    """
    outputs = _outputs(outputs_NK)
    if outputs.shape[1] == 1:
        return score(y, outputs[:, 0])
    return score_regression(y, outputs[:, 0], outputs[:, 1], multiplier)


def is_collapsed_forecast(outputs_NK: ArrayLike) -> bool:
    """Tell whether a forecast has collapsed to practically the same value every day.

    Raises
    ------
    DataError
        If there is no sample, or an output is not finite.
    """
    outputs = _outputs(outputs_NK)
    if outputs.shape[1] == 1:
        return is_collapsed(outputs[:, 0])
    return is_collapsed_regression(outputs[:, 0], outputs[:, 1])


def calibration_of(y: ArrayLike, outputs_NK: ArrayLike) -> Reliability:
    """Return the calibration of a forecast, by probabilities or by levels of intervals."""
    outputs = _outputs(outputs_NK)
    if outputs.shape[1] == 1:
        return reliability(y, outputs[:, 0])
    return coverage_curve(y, outputs[:, 0], outputs[:, 1])


def skill_of(scores: Scores | RegressionScores, reference_loss: float) -> float:
    """Return the skill against the reference on the same days, by `skill` or `density_skill`."""
    if isinstance(scores, Scores):
        return skill(scores.loss, reference_loss)
    return density_skill(scores.loss, reference_loss)


def _outputs(outputs_NK: ArrayLike) -> Floats:
    outputs = np.asarray(outputs_NK, dtype=np.float64)
    assert outputs.ndim == 2 and outputs.shape[1] in (1, 2), "a logit, or mean and log sigma"
    return outputs
