"""Linear baselines of many columns are held back as the last part of training likes it."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.evaluation import (
    choose_penalty,
    fit_linear_gaussian,
    fit_logit,
    sample_losses,
)
from finscale.evaluation.penalty import N_NARROW, PENALTIES
from finscale.evaluation.standardise import tail_cut

RNG = np.random.default_rng(7)


class Remembering:
    """Fits nothing: outputs are as good as the penalty is near a wanted one."""

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.asked: list[tuple[int, float]] = []

    def __call__(self, x: np.ndarray, y: np.ndarray, penalty: float) -> Remembering:
        assert len(x) == len(y)
        self.asked.append((len(y), penalty))
        self.logit = 3.0 - abs(np.log10(penalty / self.wanted))
        return self

    def outputs(self, x: np.ndarray, /) -> np.ndarray:
        """All labels are 1 in the tail: a larger logit is better."""
        return np.full((len(x), 1), self.logit)


def many(n: int = 211, columns: int = N_NARROW + 3) -> tuple[np.ndarray, np.ndarray]:
    x, y = RNG.normal(size=(n, columns)), np.ones(n)
    y[: n // 2] = RNG.integers(0, 2, n // 2)
    return x, y


@pytest.mark.parametrize("wanted", PENALTIES)
def test_the_tail_decides_and_is_fitted_by_none(wanted: float) -> None:
    x, y = many()
    fit = Remembering(wanted)
    assert choose_penalty(fit, x, y, 3) == wanted
    end, start = tail_cut(211, 3)
    assert (end, start) == (177, 179)
    assert fit.asked == [(177, penalty) for penalty in PENALTIES]


def test_a_fit_that_fails_is_never_chosen() -> None:
    class Failing(Remembering):
        def outputs(self, x: np.ndarray, /) -> np.ndarray:
            good = super().outputs(x)
            return good if self.asked[-1][1] == 100.0 else good * np.nan

    x, y = many()
    assert choose_penalty(Failing(1.0), x, y, 1) == 100.0


def test_few_columns_have_the_unit_penalty_unasked() -> None:
    x, y = many(columns=N_NARROW)
    fit = Remembering(100.0)
    assert choose_penalty(fit, x, y, 1) == 1.0 and fit.asked == []


def test_one_label_alone_in_the_first_part_has_the_unit_penalty() -> None:
    x, y = many()
    fit = Remembering(100.0)
    assert choose_penalty(fit, x, np.ones_like(y), 1) == 1.0 and fit.asked == []


def noise(n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """One column of 151 tells something; all others are noise."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(n, 151))
    if kind == "classes":
        return x, (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    return x, 0.01 * (0.3 * x[:, 0] + rng.normal(size=n))


@pytest.mark.parametrize(
    ("kind", "fit"), [("classes", fit_logit), ("returns", fit_linear_gaussian)]
)
def test_many_columns_of_noise_are_held_back(kind: str, fit: object) -> None:
    x, y = noise(1_009, kind)
    train = slice(0, 701)
    chosen = choose_penalty(fit, x[train], y[train], 1)  # type: ignore[arg-type]
    losses = {
        penalty: sample_losses(y[701:], fit(x[train], y[train], penalty).outputs(x[701:])).mean()  # type: ignore[operator]
        for penalty in (1.0, chosen)
    }
    assert chosen > 1.0 and losses[chosen] < losses[1.0] - 0.02


def test_a_penalty_of_one_is_what_it_always_was() -> None:
    x, y = noise(211, "classes")
    np.testing.assert_array_equal(fit_logit(x, y).weights, fit_logit(x, y, 1.0).weights)
    assert np.abs(fit_logit(x, y, 1e4).weights).max() < 0.05 * np.abs(fit_logit(x, y).weights).max()
