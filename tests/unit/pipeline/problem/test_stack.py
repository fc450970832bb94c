"""Tickers stacked one below the other: whose rows are whose, and on what each is scaled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import Fold, Split, fit_scaler, most_recent
from finscale.pipeline.problem.stack import Stack, TickerBars

COLUMNS = ["u", "v", "w"]


def ticker(start: str, n: int, seed: int, scale: float) -> TickerBars:
    rng = np.random.default_rng(seed)
    index = pd.bdate_range(start, periods=n, name="date", unit="us")
    inputs = pd.DataFrame(scale * rng.normal(size=(n, 3)), index=index, columns=COLUMNS)
    inputs.iloc[:5] = np.nan
    return TickerBars(index, rng.integers(0, 2, n).astype(np.float64), lambda: inputs)


def fold() -> Fold:
    parts = (np.arange(7, 211), np.arange(211, 251), np.arange(251, 311))
    return Fold(*(part.astype(np.int64) for part in parts))


@pytest.fixture
def stack() -> Stack:
    target = ticker("2020-01-01", 313, 1, 1.0)
    return Stack((target, ticker("2020-01-01", 293, 2, 50.0), ticker("2021-02-01", 311, 3, 9.0)))


def test_training_samples_of_the_others_follow_the_target_s(stack: Stack) -> None:
    at = fold()
    rows = stack.training_rows(at, 1, 7)
    joined = stack.joined(at, rows)
    # The same sessions as the target: as many samples, but for the last before the evaluation.
    assert [len(mine) for mine in rows] == [204, 203, 0]
    np.testing.assert_array_equal(joined.train[:204], at.train)
    np.testing.assert_array_equal(joined.train[204:], 313 + np.arange(7, 210))
    assert joined.validation is at.validation and joined.test is at.test
    assert not joined.train.flags.writeable
    first_forecast = stack.tickers[0].index[211].to_datetime64()
    assert stack.dates()[joined.train[204:] + 1].max() < first_forecast


def test_a_share_of_the_training_days_begins_with_the_target_for_every_ticker(stack: Stack) -> None:
    whole = fold()
    recent = most_recent(Split((whole,), whole, whole.purged), 60.0).search
    rows = stack.training_rows(recent, 1, 7, is_whole=False)
    np.testing.assert_array_equal(rows[0], np.arange(88, 211))
    np.testing.assert_array_equal(rows[1], np.arange(88, 210))
    assert recent.validation is whole.validation and recent.test is whole.test


def test_labels_and_dates_are_at_the_joined_positions(stack: Stack) -> None:
    second = stack.tickers[1]
    assert stack.labels().shape == stack.dates().shape == (313 + 293 + 311,)
    np.testing.assert_array_equal(stack.labels()[313 : 313 + 293], second.labels)
    assert stack.dates()[313 + 7] == second.index.to_numpy()[7]


def test_each_ticker_is_scaled_on_its_own_training_part(stack: Stack) -> None:
    rows = stack.training_rows(fold(), 1, 7)
    scaled_TC = stack.scaled(rows)
    assert scaled_TC.shape == (917, 3) and scaled_TC.dtype == np.float32
    for begin, one, mine in ((0, stack.tickers[0], rows[0]), (313, stack.tickers[1], rows[1])):
        inputs = one.read()
        expected = fit_scaler(inputs, mine).transform(inputs.to_numpy())
        np.testing.assert_array_equal(scaled_TC[begin : begin + len(inputs)], expected)
        spread = np.subtract(*np.quantile(scaled_TC[begin + mine], [0.75, 0.25], axis=0))
        np.testing.assert_allclose(spread, 1.349, rtol=1e-3)
    # It begins too late to train on: nothing of it is seen.
    assert (scaled_TC[313 + 293 :] == 0.0).all()


def test_what_comes_after_a_ticker_s_training_part_moves_no_scale(stack: Stack) -> None:
    rows = stack.training_rows(fold(), 1, 7)
    before = stack.scaled(rows)
    changed = stack.tickers[1].read().copy()
    changed.iloc[211:] *= 1000.0
    target, second, third = stack.tickers
    after = Stack((target, TickerBars(second.index, second.labels, lambda: changed), third))
    np.testing.assert_array_equal(before[: 313 + 211], after.scaled(rows)[: 313 + 211])
