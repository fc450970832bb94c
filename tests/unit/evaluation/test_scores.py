"""Scores by hand, at the edges of floats, and on forecasts that say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.evaluation import bce_with_logits, is_collapsed, score, skill

LOG3 = math.log(3.0)
# Probabilities 3/4, 1/4, 3/4, 1/4, 1/2 exactly.
Y = np.array([1, 0, 0, 1, 1])
LOGIT = np.array([LOG3, -LOG3, LOG3, -LOG3, 0.0])


def test_losses_by_hand() -> None:
    expected = [math.log(4 / 3), math.log(4 / 3), math.log(4), math.log(4), math.log(2)]
    assert bce_with_logits(Y, LOGIT) == pytest.approx(expected, abs=1e-15)


def test_extreme_logits_neither_overflow_nor_vanish() -> None:
    loss = bce_with_logits([1, 0, 1, 0], [1e4, 1e4, -1e4, -40.0])
    assert loss == pytest.approx([0.0, 1e4, 1e4, math.exp(-40.0)], rel=1e-12)
    assert loss.dtype == np.float64


@given(st.floats(-700, 700), st.sampled_from([0, 1]))
def test_swapping_the_classes_swaps_the_sign(logit: float, label: int) -> None:
    loss, mirrored = bce_with_logits([label], [logit]), bce_with_logits([1 - label], [-logit])
    assert loss[0] == pytest.approx(mirrored[0], rel=1e-12, abs=1e-15)
    assert loss[0] >= 0.0


def test_every_score_by_hand() -> None:
    found = score(Y, LOGIT)
    assert found.loss == pytest.approx((2 * math.log(4 / 3) + 2 * math.log(4) + math.log(2)) / 5)
    assert found.brier == pytest.approx((2 / 16 + 2 * 9 / 16 + 1 / 4) / 5)
    # Positives .75 .25 .5 against negatives .25 .75: wins 0+.5+1, ties .5+.5, of 6 pairs.
    assert found.auc == pytest.approx(3 / 6)
    # A logit of exactly 0 is no alarm.
    assert (found.accuracy, found.precision, found.recall) == pytest.approx((2 / 5, 1 / 2, 1 / 3))
    assert found.f1 == pytest.approx(2 / 5)
    # Bins (.2,.3] (.4,.5] (.7,.8]: |1 - .5| + |1 - .5| + |1 - 1.5| over 5.
    assert found.ece == pytest.approx(0.3)
    assert found.pred_std == pytest.approx(math.sqrt(4 * 0.0625 / 5))
    assert found.n_distinct == 3


def test_one_class_has_no_auc_and_no_division_by_zero() -> None:
    found = score(np.zeros(7), np.full(7, -1.0))
    assert math.isnan(found.auc)
    assert (found.precision, found.recall, found.f1, found.accuracy) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("logit", [[], [0.0, math.nan, 1.0], [math.inf, 0.0, 0.0]])
def test_unusable_predictions_are_refused(logit: list[float]) -> None:
    with pytest.raises(DataError, match="finite logit"):
        score(np.zeros(len(logit)), logit)
    with pytest.raises(DataError, match="finite logit"):
        is_collapsed(logit)


def test_constant_and_nearly_constant_forecasts_are_collapsed() -> None:
    ramp = np.linspace(0.0, 1.0, 101)
    assert is_collapsed(np.full(101, -1.2))
    assert is_collapsed(-1.2 + 1e-3 * ramp)
    assert not is_collapsed(-1.2 + ramp)


def test_few_distinct_predictions_are_collapsed_whatever_their_spread() -> None:
    assert is_collapsed(np.tile([-2.0, 2.0], 11))
    assert is_collapsed(np.repeat(np.linspace(-2, 2, 9), 3))
    assert not is_collapsed(np.linspace(-2, 2, 10))
    assert not is_collapsed(np.array([-2.0, 2.0, 1.0]))


def test_skill_is_measured_on_the_reference() -> None:
    assert skill(0.3, 0.4) == pytest.approx(0.25)
    assert skill(0.4, 0.4) == 0.0
    assert skill(0.5, 0.4) == pytest.approx(-0.25)
