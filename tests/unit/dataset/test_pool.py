"""Pooled tickers: no label of theirs shares a day with what the target is evaluated on."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.dataset import MIN_POOLED, Fold, pool_end, pooled_positions, split
from finscale.market import resample


def sessions(start: str, n: int, missing: tuple[int, ...] = ()) -> pd.DatetimeIndex:
    """Weekdays from `start`, without those at the positions in `missing`."""
    days = pd.bdate_range(start, periods=n, name="date", unit="us")
    return days.delete(list(missing))


def fold_of(train: list[int], validation: list[int], test: list[int]) -> Fold:
    return Fold(*(np.array(part, dtype=np.int64) for part in (train, validation, test)))


def test_pooled_labels_end_before_the_first_evaluated_label_begins() -> None:
    target = sessions("2024-01-01", 11)  # Monday 1st to Monday 15th
    # The forecast made on Thursday 4th is about Friday 5th.
    day = pool_end(target, fold_of([0, 1], [3, 4], [6]))
    assert day == pd.Timestamp("2024-01-04")
    other = sessions("2023-07-03", 137)  # to Tuesday 9th of January
    kept = pooled_positions(other, 3, first_position=5, before=day)
    # The last label covers 1st, 2nd and 3rd: on the 4th another market may close later.
    assert str(other[kept[-1]].date()) == "2023-12-29"
    assert str(other[kept[-1] + 3].date()) == "2024-01-03"
    assert kept[0] == 5 and (np.diff(kept) == 1).all()


def test_a_test_that_comes_first_is_kept_off_too() -> None:
    target = sessions("2024-01-01", 11)
    assert pool_end(target, fold_of([0], [8], [2, 3])) == target[2]
    assert pool_end(target, fold_of([0], [8], [])) == target[8]


def test_a_ticker_with_too_few_windows_contributes_none() -> None:
    other = sessions("2023-01-02", MIN_POOLED + 8)
    enough = pooled_positions(other, 1, first_position=6, before=other[-1])
    assert len(enough) == MIN_POOLED
    too_few = pooled_positions(other, 1, first_position=7, before=other[-1])
    assert too_few.tolist() == [] and too_few.dtype == np.int64


def test_a_ticker_listed_after_the_target_s_validation_contributes_none() -> None:
    other = sessions("2024-06-03", 307)
    late = pooled_positions(other, 1, first_position=5, before=pd.Timestamp("2024-01-04"))
    assert len(late) == 0


def coarse(index: pd.DatetimeIndex, scale: str) -> pd.DatetimeIndex:
    ones = dict.fromkeys(("open", "high", "low", "close", "volume"), np.ones(len(index)))
    bars = resample(pd.DataFrame(ones, index=index), scale)  # type: ignore[arg-type]
    return pd.DatetimeIndex(bars.index)


@settings(max_examples=80, deadline=None)
@given(
    scale=st.sampled_from(["daily", "2d", "3d", "5d", "weekly", "2wk"]),
    kind=st.sampled_from(["chronological", "walk-forward"]),
    horizon=st.integers(1, 5),
    shift=st.integers(-400, 400),
    missing=st.lists(st.integers(0, 2200), max_size=40, unique=True),
    day=st.integers(0, 6),
)
def test_no_pooled_label_meets_a_day_of_the_target_s_evaluation(
    scale: str, kind: str, horizon: int, shift: int, missing: list[int], day: int
) -> None:
    daily = sessions("2010-01-04", 2311)
    other = daily.shift(shift, freq="B").delete(missing)  # other sessions, other holidays
    target, pooled = coarse(daily, scale), coarse(other, scale)
    made = split(
        target,
        horizon,
        first_position=7,
        kind=kind,  # type: ignore[arg-type]
        train_end=date(2014, 3, 3 + day),
        validation_end=date(2016, 9, 5 + day),
        evaluation_start=date(2014, 3, 3 + day),
        n_blocks=3,
    )
    for fold in (*made.folds, made.search):
        kept = pooled_positions(pooled, horizon, first_position=3, before=pool_end(target, fold))
        for part in (fold.validation, fold.test):
            if len(part) and len(kept):
                # Bars hold every session after the bar before them.
                assert pooled[kept[-1] + horizon] < target[part[0]]
                begins = daily[daily.searchsorted(target[part[0]], side="right")]
                assert pooled[kept[-1] + horizon] < begins


def test_the_bound_is_as_wide_as_it_may_be() -> None:
    target = sessions("2020-01-01", 401)
    made = split(
        target,
        2,
        first_position=11,
        train_end=date(2020, 12, 1),
        validation_end=date(2021, 3, 1),
    )
    (fold,) = made.folds
    mine = pooled_positions(target, 2, first_position=11, before=pool_end(target, fold))
    # The same sessions: a pooled ticker trains on the target's own days, but for the last one.
    np.testing.assert_array_equal(mine, fold.train[:-1])


@pytest.mark.parametrize("horizon", [1, 5])
def test_positions_need_a_whole_label(horizon: int) -> None:
    other = sessions("2020-01-01", 211)
    after = other[-1] + pd.Timedelta(days=1)
    kept = pooled_positions(other, horizon, first_position=0, before=after)
    assert kept[-1] == 210 - horizon
