"""The bootstrap: weights by hand, variances that are known, coverage on AR(1) losses."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.config import DataError
from finscale.evaluation import (
    block_length,
    bootstrap_means,
    covariance,
    intervals,
    seed_variance,
)
from finscale.evaluation.bootstrap import CHUNK, day_weights


def ar1(rng: np.random.Generator, n_series: int, n_days: int, phi: float) -> np.ndarray:
    noise = rng.normal(size=(n_series, n_days + 50))
    for day in range(1, n_days + 50):
        noise[:, day] += phi * noise[:, day - 1]
    return noise[:, 50:] * np.sqrt(1 - phi**2)


def test_weights_are_whole_days_and_sum_to_one() -> None:
    weights = day_weights(13, 3.0, 7, np.random.default_rng(1))
    assert weights.shape == (7, 13)
    assert weights.sum(axis=1) == pytest.approx(np.ones(7))
    assert weights * 13 == pytest.approx(np.round(weights * 13))


def test_every_day_is_drawn_equally_often() -> None:
    weights = day_weights(11, 4.0, 20_000, np.random.default_rng(2))
    assert weights.mean(axis=0) == pytest.approx(np.full(11, 1 / 11), rel=0.02)


def test_endless_blocks_are_the_series_itself() -> None:
    series = np.random.default_rng(3).normal(size=(1, 17))
    draws = bootstrap_means([series], 1e12, 23, np.random.default_rng(4))
    assert draws == pytest.approx(np.full((23, 1), series.mean()))


def test_blocks_of_one_day_give_the_variance_of_a_mean() -> None:
    series = np.random.default_rng(5).normal(size=(1, 101))
    draws = bootstrap_means([series], 1.0, 20_000, np.random.default_rng(6))
    assert draws.mean() == pytest.approx(series.mean(), abs=0.003)
    assert draws.var() == pytest.approx(series.var() / 101, rel=0.05)


def test_seeds_have_the_variance_of_their_mean() -> None:
    # Seeds that differ by constants: no day noise, so the variance is s^2 / S by hand.
    cell = np.array([[0.0], [3.0], [6.0]]) + np.zeros((3, 7))
    draws = bootstrap_means([cell], 2.0, 40_000, np.random.default_rng(7))
    assert draws.mean() == pytest.approx(3.0, abs=0.03)
    assert draws.var() == pytest.approx(9.0 / 3, rel=0.03)


def test_days_are_common_to_cells_and_seeds_are_not() -> None:
    rng = np.random.default_rng(8)
    common = rng.normal(size=(1, 211))
    cells = [common + np.zeros((3, 1)), common + np.zeros((5, 1))]
    draws = bootstrap_means(cells, 3.0, 501, np.random.default_rng(9))
    assert draws[:, 0] == pytest.approx(draws[:, 1], abs=1e-12)
    apart = [cell + rng.normal(size=(len(cell), 1)) for cell in (0 * cells[0], 0 * cells[1])]
    drawn = bootstrap_means(apart, 3.0, 4_001, np.random.default_rng(10))
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.06


def test_the_variance_from_seeds_by_hand() -> None:
    cell = np.array([[0.0, 2.0], [3.0, 5.0], [7.0, 5.0]])  # means 1, 4, 6: s^2 = 19/3
    found = seed_variance([cell, np.ones((5, 2)), np.zeros((1, 2))])
    assert found == pytest.approx([19 / 9, 0.0, 0.0])
    with pytest.raises(DataError, match="the same days"):
        seed_variance([cell, np.zeros((3, 3))])


def test_days_and_seeds_apart_add_up_to_both_drawn_together() -> None:
    rng = np.random.default_rng(20)
    cells = [rng.normal(size=(1, 401)) + 0.1 * rng.normal(size=(3, 1)) for _ in range(2)]
    series = [*cells, *(cell.mean(axis=0)[None] for cell in cells)]
    both = covariance(bootstrap_means(series, 2.0, 20_000, rng))
    apart = both[2:, 2:] + np.diag(seed_variance(cells))
    assert both[:2, :2] == pytest.approx(apart, rel=0.05, abs=1e-4)


def test_a_mean_is_the_mean_of_its_seeds_and_days() -> None:
    rng = np.random.default_rng(11)
    cells = [
        rng.normal(level, 0.1, size=(seeds, 307)) for level, seeds in ((1, 3), (-2, 5), (0, 1))
    ]
    draws = bootstrap_means(cells, 2.0, 2_003, rng)
    assert draws.shape == (2_003, 3)
    assert draws.mean(axis=0) == pytest.approx([cell.mean() for cell in cells], abs=0.005)


def test_chunks_leave_no_seam() -> None:
    series = np.random.default_rng(12).normal(size=(3, 29))
    draws = bootstrap_means([series], 2.0, CHUNK + 1, np.random.default_rng(13))
    assert np.isfinite(draws).all()
    assert draws.shape == (CHUNK + 1, 1)


def test_same_generator_same_draws() -> None:
    series = [np.random.default_rng(14).normal(size=(3, 31))]
    first, second = (bootstrap_means(series, 2.0, 5, np.random.default_rng(15)) for _ in range(2))
    assert np.array_equal(first, second)


def test_covariance_and_intervals_by_hand() -> None:
    draws = np.array([[0.0, 1.0], [2.0, 0.0], [4.0, 2.0]])
    assert covariance(draws) == pytest.approx(np.array([[4.0, 1.0], [1.0, 1.0]]))
    assert covariance(draws[:, :1]).shape == (1, 1)
    low, high = intervals(np.arange(101.0)[:, None], 0.90)
    assert (low[0], high[0]) == pytest.approx((5.0, 95.0))


def test_blocks_are_at_least_two_horizons() -> None:
    white = np.random.default_rng(16).normal(size=(2, 401))
    assert block_length(white, 20) == 40.0
    assert 2.0 <= block_length(white, 1) < 8.0


def test_dependence_makes_longer_blocks_and_the_most_dependent_cell_decides() -> None:
    rng = np.random.default_rng(17)
    white, slow = rng.normal(size=(1, 751)), ar1(rng, 1, 751, 0.8)
    assert block_length(slow, 1) > 10.0
    assert block_length(np.concatenate([white, slow]), 1) == block_length(slow, 1)


def test_differences_that_never_vary_fall_back_to_the_horizon() -> None:
    assert block_length(np.zeros((2, 101)), 3) == 6.0


def test_cells_of_other_days_are_refused() -> None:
    cells = [np.zeros((3, 11)), np.zeros((3, 13))]
    with pytest.raises(DataError, match="cells of 11, 13 days"):
        bootstrap_means(cells, 2.0, 3, np.random.default_rng(0))


@pytest.mark.parametrize("cell", [np.full((3, 7), np.nan), np.empty((3, 0))])
def test_missing_differences_are_refused(cell: np.ndarray) -> None:
    with pytest.raises(DataError, match="finite difference"):
        bootstrap_means([cell], 2.0, 3, np.random.default_rng(0))


def test_intervals_cover_the_mean_of_dependent_losses() -> None:
    rng = np.random.default_rng(18)
    covered = 0
    for _ in range(100):
        series = ar1(rng, 1, 701, 0.5)
        draws = bootstrap_means([series], block_length(series, 1), 400, rng)
        low, high = intervals(draws)
        covered += bool(low[0] <= 0.0 <= high[0])
    # Nominal 95: fewer than 88 of 100 would happen once in 500 times.
    assert 88 <= covered <= 100
    plain = bootstrap_means([ar1(rng, 1, 701, 0.5)], 1.0, 400, rng).std()
    assert plain < 0.75 * draws.std()


def test_intervals_cover_the_mean_over_days_and_seeds() -> None:
    rng = np.random.default_rng(19)
    covered = 0
    for _ in range(120):
        seeds = rng.normal(0, 0.04, size=(5, 1))
        cell = ar1(rng, 1, 307, 0.3) + seeds + 0.5 * rng.normal(size=(5, 307))
        low, high = intervals(bootstrap_means([cell], 4.0, 300, rng))
        covered += bool(low[0] <= 0.0 <= high[0])
    assert 106 <= covered <= 120
