"""Boosted trees: as many as the chronological tail likes, with no label on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from finscale.config import DataError, RefusedError
from finscale.evaluation import bce_with_logits, fit_boosting, fit_logit, fit_prior
from finscale.evaluation.boosting import MAX_TREES
from finscale.evaluation.standardise import TAIL_SHARE, tail_cut


def crossed(n: int = 3_001) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels whose chance depends on a product: no logit can see it."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 5))
    chance = expit(np.where(x[:, 0] * x[:, 1] > 0, 2.0, -2.0))
    return x, (rng.random(n) < chance).astype(int)


def test_trees_find_what_a_logit_cannot() -> None:
    x, y = crossed()
    fitted, logit = fit_boosting(x[:2_000], y[:2_000], 1), fit_logit(x[:2_000], y[:2_000])
    outputs = fitted.outputs(x[2_000:])
    assert outputs.shape == (1_001, 1)
    loss = bce_with_logits(y[2_000:], outputs[:, 0]).mean()
    assert loss < 0.45 < 0.68 < bce_with_logits(y[2_000:], logit.logits(x[2_000:])).mean()
    assert fitted.classifier.n_iter_ > 20


def test_in_noise_there_are_few_trees() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(1_501, 5)), (rng.random(1_501) < 0.2).astype(int)
    fitted = fit_boosting(x[:1_000], y[:1_000], 5)
    prior = fit_prior(y[:1_000]).outputs(x[1_000:])
    loss, base = (
        bce_with_logits(y[1_000:], out[:, 0]).mean() for out in (fitted.outputs(x[1_000:]), prior)
    )
    assert loss < base + 0.01
    assert fitted.classifier.n_iter_ < 30


def test_the_same_samples_give_the_same_trees() -> None:
    x, y = crossed(601)
    first, second = fit_boosting(x, y, 3), fit_boosting(x, y, 3)
    np.testing.assert_array_equal(first.outputs(x), second.outputs(x))
    assert 1 <= first.classifier.n_iter_ <= MAX_TREES
    assert not first.classifier.do_early_stopping_


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_no_label_of_the_first_part_reaches_into_the_tail(horizon: int) -> None:
    end, start = tail_cut(1_000, horizon)
    assert start == 1_000 - TAIL_SHARE * 1_000
    # The last sample of the first part is labelled by bars end … end - 1 + horizon.
    assert end - 1 + horizon == start


def test_a_first_part_of_one_class_still_has_a_forecast() -> None:
    x = np.random.default_rng(7).normal(size=(300, 2))
    y = np.zeros(300)
    y[280:] = 1.0
    assert np.isfinite(fit_boosting(x, y, 1).outputs(x)).all()


def test_one_class_and_warm_up_rows_are_refused() -> None:
    x, y = crossed(101)
    with pytest.raises(RefusedError, match="both classes"):
        fit_boosting(x, np.ones(101), 1)
    fitted = fit_boosting(x, y, 1)
    x[7, 2] = np.inf
    with pytest.raises(DataError, match="1 of 101 rows"):
        fit_boosting(x, y, 1)
    with pytest.raises(DataError, match="1 of 101 rows"):
        fitted.outputs(x)
