"""Importances: of what the loss was made of, and of nothing where trials are too few."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.search import MIN_TRIALS, PastTrial, importances


def trials(n: int) -> list[PastTrial]:
    """Make trials whose loss is a matter of the learning rate, and a little of `revin`."""
    rng = np.random.default_rng(5)
    made = []
    for _ in range(n):
        rate, revin = float(10 ** rng.uniform(-4, -3)), bool(rng.random() < 0.5)
        loss = 0.4 + 0.1 * abs(np.log10(rate) + 3.5) + 0.005 * revin
        params = {"learning_rate": rate, "revin": revin, "batch_size": 64}
        made.append(PastTrial(params, "ok", float(loss)))
    return made


def test_what_decides_comes_first_and_what_never_varied_is_left_out() -> None:
    found = importances(trials(30))
    assert list(found) == ["learning_rate", "revin"]
    assert found["learning_rate"] > 0.8 and sum(found.values()) == pytest.approx(1.0)


def test_the_same_trials_give_the_same_importances() -> None:
    assert importances(trials(20)) == importances(trials(20))


def test_too_few_trials_give_none() -> None:
    assert importances(trials(MIN_TRIALS - 1)) == {}
    assert importances(trials(MIN_TRIALS)) != {}
    pruned = [PastTrial(t.params, "pruned", None) for t in trials(30)]
    assert importances(trials(MIN_TRIALS - 1) + pruned) == {}


def test_nothing_that_varied_explains_nothing() -> None:
    same = [PastTrial({"batch_size": 64}, "ok", 0.4 + 0.01 * n) for n in range(20)]
    assert importances(same) == {}
    flat = [PastTrial(t.params, "ok", 0.4) for t in trials(20)]
    assert importances(flat) == {}
