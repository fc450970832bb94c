"""How many samples there really are, and the floors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finscale.config import Floors, RefusedError, load_universe
from finscale.dataset import Fold, check_floors, effective_size, first_position, make_labels, split
from finscale.dataset.folds import make_split


def bundled() -> pd.DataFrame:
    from arch.data import sp500

    return sp500.load().rename(columns=str.lower)


def test_effective_size_counts_labels_that_share_no_bar() -> None:
    assert [effective_size(n, 5) for n in (0, 4, 5, 9, 10, 753)] == [0, 0, 1, 1, 2, 150]
    assert effective_size(753, 1) == 753


FLOORS = Floors(n_train=5, n_validation=4, n_test=3, n_minority=2, n_effective=2)


def fold_of(train: int, validation: int, test: int) -> Fold:
    ends = np.cumsum([train, validation, test])
    return Fold(np.arange(ends[0]), np.arange(ends[0], ends[1]), np.arange(ends[1], ends[2]))


def labels_with(positives: int, fold: Fold) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Give all of training and test the label 1: only validation may count."""
    labels = np.ones(20)
    labels[fold.validation] = 0.0
    labels[fold.validation[:positives]] = 1.0
    return labels


@pytest.mark.parametrize("positives", [2, 3])
def test_at_the_floors_a_cell_passes(positives: int) -> None:
    fold = fold_of(5, 5, 3)
    check_floors(fold, labels_with(positives, fold), 2, FLOORS)
    with pytest.raises(RefusedError):
        check_floors(fold, labels_with(positives, fold), 3, FLOORS)


@pytest.mark.parametrize(
    ("fold", "positives", "horizon", "says"),
    [
        (fold_of(4, 5, 3), 2, 1, "n_train: expected at least 5, the floor; got 4."),
        (fold_of(5, 3, 3), 2, 1, "n_validation: expected at least 4, the floor; got 3."),
        (fold_of(5, 5, 2), 2, 1, "n_test: expected at least 3, the floor; got 2."),
        (fold_of(5, 5, 3), 1, 1, "n_minority: expected at least 2, the floor; got 1."),
        (fold_of(5, 5, 3), 4, 1, "n_minority: expected at least 2, the floor; got 1."),
        (fold_of(5, 5, 3), 2, 3, "n_effective: expected at least 2, the floor; got 1."),
    ],
)
def test_below_a_floor_a_cell_is_refused_by_name(
    fold: Fold, positives: int, horizon: int, says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        check_floors(fold, labels_with(positives, fold), horizon, FLOORS)


def test_nineteen_validation_samples_are_refused() -> None:
    fold = fold_of(300, 19, 200)
    with pytest.raises(RefusedError, match="n_validation: expected at least 100"):
        check_floors(fold, np.tile([0.0, 1.0], 300), 1, Floors())


def test_every_fold_has_to_meet_the_floors_and_the_test_is_pooled() -> None:
    good = fold_of(5, 5, 2)
    later = Fold(good.train, good.validation, np.array([12, 13]))
    labels = labels_with(2, good)
    made = make_split(np.arange(20), [good, later])
    check_floors(made, labels, 1, FLOORS)  # 10, 11, 12, 13: four days of test
    with pytest.raises(RefusedError, match=r"n_test: expected at least 3, .*; got 2\."):
        check_floors(make_split(np.arange(20), [good, good]), labels, 1, FLOORS)
    short = Fold(good.train[:3], good.validation, later.test)
    with pytest.raises(RefusedError, match=r"n_train: expected at least 5, .*; got 3\."):
        check_floors(make_split(np.arange(20), [good, short]), labels, 1, FLOORS)


def test_returns_have_no_rarer_class() -> None:
    fold = fold_of(5, 5, 3)
    returns = np.linspace(-0.1, 0.1, 20)
    check_floors(fold, returns, 1, FLOORS, is_binary=False)
    with pytest.raises(RefusedError, match="n_minority"):
        check_floors(fold, returns, 1, FLOORS)


def test_one_sample_a_chunk_is_refused_on_the_bundled_index() -> None:
    bars = bundled()
    made = split(
        pd.DatetimeIndex(bars.index),
        1,
        first_position=first_position("a20", 60),
        kind="chunk",
        context_length=60,
        samples_per_chunk="one",
    )
    labels = make_labels(bars, "threshold_1pct", 1).to_numpy()
    with pytest.raises(RefusedError, match=r"n_validation: .* 100, the floor; got 12\.") as caught:
        check_floors(made, labels, 1, Floors())
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("kind", ["chronological", "walk-forward"])
def test_moves_of_five_per_cent_are_refused_on_the_bundled_index(kind: str) -> None:
    bars, universe = bundled(), load_universe("sp500")
    made = split(
        pd.DatetimeIndex(bars.index),
        1,
        first_position=258,
        train_end=universe.train_end,
        validation_end=universe.validation_end,
        kind=kind,  # type: ignore[arg-type]
        evaluation_start=universe.evaluation_start,
    )
    check_floors(made, make_labels(bars, "threshold_1pct", 1).to_numpy(), 1, Floors())
    with pytest.raises(RefusedError, match="n_minority"):
        check_floors(made, make_labels(bars, "threshold_5pct", 1).to_numpy(), 1, Floors())


# Effective size from losses.


def ar1(rng: np.random.Generator, n_series: int, n_days: int, phi: float) -> np.ndarray:
    noise = rng.normal(size=(n_series, n_days + 100))
    for day in range(1, n_days + 100):
        noise[:, day] += phi * noise[:, day - 1]
    return noise[:, 100:]


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.8])
def test_dependent_losses_are_worth_their_autocorrelation_time(phi: float) -> None:
    series = ar1(np.random.default_rng(3), 200, 1_009, phi)
    found = np.mean([effective_size(1_009, 1, losses_T) for losses_T in series])
    # An AR(1)'s integrated autocorrelation time is (1 + phi) / (1 - phi).
    assert found == pytest.approx(1_009 * (1 - phi) / (1 + phi), rel=0.15)


def test_what_an_effective_size_stands_for_is_the_variance_of_a_mean() -> None:
    series = ar1(np.random.default_rng(5), 2_000, 499, 0.5)
    sizes = [effective_size(499, 1, losses_T) for losses_T in series[:200]]
    assert series.var() / series.mean(axis=1).var() == pytest.approx(np.mean(sizes), rel=0.15)


def test_autocorrelation_by_hand() -> None:
    # Centred -1 -1 1 1: rho = 1, 1/4, -1/2, -1/4; pairs 5/4 and -3/4, so tau = 3/2.
    assert effective_size(4, 1, np.array([0.0, 0.0, 2.0, 2.0])) == 2
    assert effective_size(5, 1, np.array([0.0, 0.0, 2.0, 2.0, 1.0])) == 3


@pytest.mark.parametrize(
    ("losses", "horizon", "expected"),
    [
        (np.tile([0.0, 1.0], 50), 1, 100),  # alternating losses are not worth more than they are
        (np.full(100, 0.3), 1, 100),  # nothing varies: only the horizon counts
        (np.random.default_rng(7).normal(size=100), 5, 20),
        (np.array([1.0]), 1, 1),
        (np.empty(0), 1, 0),
    ],
)
def test_an_effective_size_is_at_most_that_of_the_labels(
    losses: np.ndarray, horizon: int, expected: int
) -> None:
    assert effective_size(len(losses), horizon, losses) == expected


@pytest.mark.parametrize("losses", [np.zeros(3), np.array([0.0, np.nan, 1.0, 2.0])])
def test_losses_are_one_a_sample_and_finite(losses: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        effective_size(4, 1, losses)
