"""Paired comparison: differences that are there are found, those that are not seldom are."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.config import DataError
from finscale.dataset import effective_size
from finscale.evaluation import (
    block_length,
    bootstrap_means,
    compare_two,
    intervals,
    model_confidence_set,
    selection_optimism,
    superior_predictive_ability,
)

RNG = np.random.default_rng(2)


def ar1(rng: np.random.Generator, n_series: int, n_days: int, phi: float) -> np.ndarray:
    noise = rng.normal(size=(n_series, n_days + 100))
    for day in range(1, n_days + 100):
        noise[:, day] += phi * noise[:, day - 1]
    return noise[:, 100:] * np.sqrt(1 - phi**2)


def losses(rng: np.random.Generator, gains: list[float], n_days: int = 751) -> np.ndarray:
    """Return losses_TM: a hard day is hard for all; model m is better by gains[m]."""
    common_T = np.abs(ar1(rng, 1, n_days, 0.5)[0])
    own_MT = 0.1 * ar1(rng, len(gains), n_days, 0.3)
    return (common_T - np.array(gains)[:, None] + own_MT).T


# Two runs.


def test_a_difference_is_found_with_its_sign() -> None:
    a_T, b_T = losses(np.random.default_rng(3), [0.03, 0.0]).T
    found = compare_two(a_T, b_T, 1, np.random.default_rng(4))
    assert found.difference == pytest.approx((a_T - b_T).mean())
    assert found.low < found.difference < found.high < 0.0
    assert found.p_value < 0.01
    assert found.block_length == block_length((a_T - b_T)[None], 1)
    other = compare_two(b_T, a_T, 1, np.random.default_rng(4))
    mirrored = (-other.difference, -other.high, -other.low, other.p_value)
    assert mirrored == pytest.approx((found.difference, found.low, found.high, found.p_value))


def test_a_run_equals_itself() -> None:
    a_T = losses(np.random.default_rng(5), [0.0])[:, 0]
    found = compare_two(a_T, a_T, 3, RNG)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert found.block_length == 6.0


def test_p_values_of_no_difference_are_spread_evenly() -> None:
    rng = np.random.default_rng(7)
    p = [compare_two(*losses(rng, [0.0, 0.0]).T, 1, rng).p_value for _ in range(100)]
    assert 2 <= np.count_nonzero(np.array(p) < 0.1) <= 20
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_losses_are_refused(bad: float) -> None:
    good_TM = losses(np.random.default_rng(7), [0.0, 0.0, 0.0], 31)
    bad_TM = good_TM.copy()
    bad_TM[3, 1] = bad
    for call in (
        lambda: compare_two(good_TM[:, 0], bad_TM[:, 1], 1, RNG),
        lambda: model_confidence_set(bad_TM, 1, seed=1),
        lambda: superior_predictive_ability(good_TM[:, 0], bad_TM, 1, seed=1),
        lambda: selection_optimism(bad_TM.T, 1, RNG),
    ):
        with pytest.raises(DataError, match="a finite loss for every day; got 1 not finite"):
            call()
    with pytest.raises(DataError, match="got 0 not finite of 0"):
        compare_two(np.empty(0), np.empty(0), 1, RNG)


# Many runs.


def test_the_confidence_set_keeps_the_best_and_drops_the_worse() -> None:
    p_M = model_confidence_set(
        losses(np.random.default_rng(18), [0.0, 0.05, 0.05, -0.1]), 1, seed=3
    )
    assert p_M.shape == (4,)
    assert (p_M > 0.05).tolist() == [False, True, True, False]
    assert p_M.max() == 1.0


def test_the_confidence_set_keeps_equals() -> None:
    equals_TM = losses(np.random.default_rng(9), [0.0] * 5)
    p_M = model_confidence_set(equals_TM, 1, seed=3)
    assert (p_M > 0.05).all()
    np.testing.assert_array_equal(p_M, model_confidence_set(equals_TM, 1, seed=3))


def test_ability_is_superior_only_where_a_model_is() -> None:
    equal_TM = losses(np.random.default_rng(10), [0.0] * 5)
    none = superior_predictive_ability(equal_TM[:, 0], equal_TM[:, 1:], 1, seed=3)
    assert 0.05 < none.lower <= none.consistent <= none.upper
    better_TM = losses(np.random.default_rng(11), [0.0, -0.1, 0.04])
    one = superior_predictive_ability(better_TM[:, 0], better_TM[:, 1:], 1, seed=3)
    assert one.upper < 0.01


def test_models_that_are_all_worse_show_no_ability() -> None:
    """Hansen's statistic is max(0, .); `arch` alone would say .5 here."""
    worse_TM = losses(np.random.default_rng(12), [0.0, -0.3, -0.5])
    none = superior_predictive_ability(worse_TM[:, 0], worse_TM[:, 1:], 1, seed=3)
    assert (none.lower, none.consistent, none.upper) == (1.0, 1.0, 1.0)


def test_copies_are_refused() -> None:
    two_TM = losses(np.random.default_rng(12), [0.0, 0.0], 31)
    three_TM = np.column_stack([two_TM, two_TM[:, 0]])
    with pytest.raises(DataError, match="differ on some day; got 2 different ones of 3"):
        model_confidence_set(three_TM, 1, seed=1)
    with pytest.raises(DataError, match="differ on some day"):
        superior_predictive_ability(two_TM[:, 0], two_TM, 1, seed=1)


# The best of many trials.


def test_the_best_of_equal_trials_looks_better_than_it_is() -> None:
    rng = np.random.default_rng(13)
    found, truth = [], []
    for _ in range(30):
        trials_MT = losses(rng, [0.0] * 20, 301).T
        found.append(selection_optimism(trials_MT, 1, rng))
        relative_M = (trials_MT - trials_MT.mean(axis=0)).mean(axis=1)
        truth.append(-relative_M.min())  # all are equally good: the whole lead is luck
    # The bootstrap chooses among trials that luck has spread already, so it errs, but not by much.
    assert 0.6 * np.mean(truth) < np.mean(found) < 1.4 * np.mean(truth)


def test_a_clear_winner_is_no_luck() -> None:
    rng = np.random.default_rng(14)
    clear = selection_optimism(losses(rng, [0.2] + [0.0] * 19).T, 1, rng)
    equal = selection_optimism(losses(rng, [0.0] * 20).T, 1, rng)
    assert abs(clear) < 0.1 * equal


def test_more_trials_are_more_optimistic_and_one_is_not() -> None:
    rng = np.random.default_rng(15)
    trials_MT = losses(rng, [0.0] * 40).T
    few, many = (selection_optimism(trials_MT[:n], 1, rng) for n in (3, 40))
    assert 0 < few < many
    assert selection_optimism(trials_MT[:1], 1, rng) == 0.0


# What an interval promises, on losses that depend on the day before.

N_DAYS, N_REPEATS = 601, 200


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.5])
def test_nominal_95_per_cent_is_reached_on_dependent_losses(phi: float) -> None:
    rng = np.random.default_rng(16)
    series = ar1(rng, N_REPEATS, N_DAYS, phi)
    lengths = np.array([block_length(series_T[None], 1) for series_T in series])
    covered = 0
    for series_T, length in zip(series, lengths, strict=True):
        low, high = intervals(bootstrap_means([series_T[None]], length, 500, rng))
        covered += bool(low[0] <= 0.0 <= high[0])
    sizes = [effective_size(N_DAYS, 1, series_T) for series_T in series]
    assert 0.90 * N_REPEATS <= covered <= 0.98 * N_REPEATS
    assert np.mean(sizes) == pytest.approx(N_DAYS * (1 - phi) / (1 + phi), rel=0.15)
    # Politis & White 2004, section 3.2: b = (2 G² / D)^(1/3) n^(1/3), for an AR(1) of the
    # stationary bootstrap (2 phi / (1 - phi²))^(2/3) n^(1/3); never below 2h.
    theory = max(2.0, (2 * phi / (1 - phi**2)) ** (2 / 3) * N_DAYS ** (1 / 3))
    assert np.median(lengths) == pytest.approx(theory, rel=0.4)
