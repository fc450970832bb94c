"""Scores of probability forecasts from logits, with losses in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from finscale.config import DataError

Floats = NDArray[np.float64]

N_BINS = 10
MIN_SPREAD = 1e-3
MIN_DISTINCT = 10
DECIMALS = 6


@dataclass(frozen=True)
class Scores:
    """Scores of one forecast on one set of samples.

    Attributes
    ----------
    loss : float
        Mean binary cross-entropy in nats.
    brier : float
        Mean squared error of the probability.
    auc : float
        Area under the ROC curve; NaN if the labels have only one class.
    accuracy, precision, recall, f1 : float
        Scores at a threshold of probability 1/2; 0 where a ratio would divide by zero.
    ece : float
        Expected calibration error over ten bins of equal width.
    pred_std : float
        Standard deviation of the probabilities (population form).
    n_distinct : int
        Number of distinct probabilities after rounding to 1e-6.
    """

    loss: float
    brier: float
    auc: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    ece: float
    pred_std: float
    n_distinct: int


def bce_with_logits(y: ArrayLike, logit: ArrayLike) -> Floats:
    """Return the binary cross-entropy of each sample, in nats.

    Parameters
    ----------
    y : array_like, shape (N,)
        Labels, 0 or 1.
    logit : array_like, shape (N,)
        Log odds of the forecast.

    Returns
    -------
    ndarray, shape (N,), float64
        ``-log p`` of the observed class; NaN where the logit is NaN.
    """
    return cross_entropy(*_pair(y, logit))


def cross_entropy(labels: Floats, logits: Floats) -> Floats:
    """Return the binary cross-entropy in nats, for arrays that broadcast.

    It is linear in the label, so a probability instead of a label gives the expected loss.
    """
    # softplus(z) - y z, with softplus split so that exp never overflows.
    positive = np.maximum(logits, 0.0) - labels * logits
    return np.asarray(positive + np.log1p(np.exp(-np.abs(logits))), dtype=np.float64)


def score(y: ArrayLike, logit: ArrayLike) -> Scores:
    """Score a probability forecast.

    Parameters
    ----------
    y : array_like, shape (N,)
        Labels, 0 or 1.
    logit : array_like, shape (N,)
        Log odds of the forecast.

    Raises
    ------
    DataError
        If there is no sample, or a logit is not finite.
    """
    labels, logits = _pair(y, logit)
    _refuse_unusable(logits)
    probability = np.asarray(expit(logits), dtype=np.float64)
    precision, recall, f1 = _detection(labels, logits)
    return Scores(
        loss=float(bce_with_logits(labels, logits).mean()),
        brier=float(np.mean((probability - labels) ** 2)),
        auc=_auc(labels, logits),
        accuracy=float(np.mean((logits > 0.0) == (labels == 1.0))),
        precision=precision,
        recall=recall,
        f1=f1,
        ece=_calibration_error(labels, probability),
        pred_std=float(probability.std()),
        n_distinct=_n_distinct(probability),
    )


def is_collapsed(logit: ArrayLike) -> bool:
    """Tell whether a forecast has collapsed to practically the same probability every day.

    True if the probabilities' standard deviation is below 1e-3, or if ten or more samples
    have fewer than ten distinct probabilities (rounded to 1e-6).

    Raises
    ------
    DataError
        If there is no sample, or a logit is not finite.
    """
    logits = np.asarray(logit, dtype=np.float64)
    _refuse_unusable(logits)
    probability = np.asarray(expit(logits), dtype=np.float64)
    few = probability.size >= MIN_DISTINCT and _n_distinct(probability) < MIN_DISTINCT
    return bool(few or probability.std() < MIN_SPREAD)


def skill(loss: float, reference_loss: float) -> float:
    """Return the share of the reference's loss that a forecast saves on the same days.

    1 is perfect, 0 is as good as the reference, and below 0 is worse. This is the skill score of
    Murphy 1988, Monthly Weather Review 116, applied to the logarithmic score.
    """
    assert reference_loss > 0.0, "a reference loss is positive"
    return 1.0 - loss / reference_loss


def _pair(y: ArrayLike, logit: ArrayLike) -> tuple[Floats, Floats]:
    labels = np.asarray(y, dtype=np.float64)
    logits = np.asarray(logit, dtype=np.float64)
    assert labels.ndim == 1 and labels.shape == logits.shape, "y and logit are vectors alike"
    assert bool(np.isin(labels, (0.0, 1.0)).all()), "labels are 0 or 1"
    return labels, logits


def _refuse_unusable(logits: Floats) -> None:
    bad = int(np.count_nonzero(~np.isfinite(logits)))
    if logits.size == 0 or bad:
        raise DataError(
            "predictions",
            expected="one finite logit a sample, and at least one sample",
            got=f"{bad} not finite of {logits.size}",
            todo="The model diverged or its inputs hold NaN: train it again.",
        )


def _auc(labels: Floats, logits: Floats) -> float:
    n_positive = float(labels.sum())
    n_negative = labels.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    from scipy.stats import rankdata  # takes a second, needed here only

    # Mann-Whitney U over its maximum; tied logits have their mean rank
    # (Hanley & McNeil 1982, Radiology 143).
    rank_sum = float(rankdata(logits)[labels == 1.0].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def _detection(labels: Floats, logits: Floats) -> tuple[float, float, float]:
    alarm = logits > 0.0
    hits = float(labels[alarm].sum())
    n_alarms, n_events = float(alarm.sum()), float(labels.sum())
    precision = hits / n_alarms if n_alarms else 0.0
    recall = hits / n_events if n_events else 0.0
    f1 = 2 * hits / (n_alarms + n_events) if n_alarms + n_events else 0.0
    return precision, recall, f1


def _calibration_error(labels: Floats, probability: Floats) -> float:
    # Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3, for the positive
    # class: bin m holds ((m-1)/M, m/M], and 0 belongs to the first bin.
    bins = np.clip(np.ceil(probability * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    gaps = np.bincount(bins, weights=labels - probability, minlength=N_BINS)
    return float(np.abs(gaps).sum() / labels.size)


def _n_distinct(probability: Floats) -> int:
    return int(np.unique(np.round(probability, DECIMALS)).size)
