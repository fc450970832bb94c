"""Scores agree with scikit-learn where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

from finscale.evaluation import score


@pytest.mark.parametrize(("n", "seed"), [(11, 2), (97, 3), (751, 5)])
@pytest.mark.parametrize("decimals", [1, 12])
def test_scores_equal_scikit_learn(n: int, seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    # One decimal makes many ties, which the ranks must share.
    logit = np.round(rng.normal(-1.0, 1.5, n), decimals)
    y = (rng.random(n) < expit(logit)).astype(int)
    y[:2] = (0, 1)
    probability, alarm = expit(logit), logit > 0
    found = score(y, logit)
    expected = {
        "loss": metrics.log_loss(y, probability),
        "brier": metrics.brier_score_loss(y, probability),
        "auc": metrics.roc_auc_score(y, logit),
        "accuracy": metrics.accuracy_score(y, alarm),
        "precision": metrics.precision_score(y, alarm, zero_division=0.0),
        "recall": metrics.recall_score(y, alarm, zero_division=0.0),
        "f1": metrics.f1_score(y, alarm, zero_division=0.0),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name


def test_no_alarm_and_no_event_equal_scikit_learn() -> None:
    y, logit = np.array([0, 1, 0, 1, 0]), np.full(5, -3.0)
    found = score(y, logit)
    assert found.precision == metrics.precision_score(y, logit > 0, zero_division=0.0)
    assert found.f1 == metrics.f1_score(y, logit > 0, zero_division=0.0)
    assert found.auc == metrics.roc_auc_score(y, logit)
