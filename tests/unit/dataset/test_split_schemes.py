"""Splits that train more than once or out of time: positions by hand, and what holds for all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError
from finscale.dataset import DIAGNOSTIC_SPLITS, Fold, Split, most_recent, split

# January 2024 without weekends and the first: position 0 is Tuesday 2nd, position 21 the 30th.
INDEX = pd.bdate_range("2024-01-02", "2024-01-31", name="date")
KINDS = ("chronological", "walk-forward", "chunk", "cpcv")


def days(positions: np.ndarray) -> list[int]:
    """Return the days of January of the bars at these positions."""
    return [int(day) for day in INDEX[positions].day]


def parts(fold: Fold) -> list[list[int]]:
    return [days(part) for part in (fold.train, fold.validation, fold.test, fold.purged)]


def walk(horizon: int, n_blocks: int = 2, start: int = 17) -> Split:
    return split(
        INDEX,
        horizon,
        first_position=0,
        kind="walk-forward",
        evaluation_start=date(2024, 1, start),
        n_blocks=n_blocks,
    )


# Walk-forward. The 17th is position 11, so blocks are 17th to 24th and 25th to 31st.


def test_walk_forward_dates_by_hand() -> None:
    made = walk(1)
    # Fifteen per cent of the 10 samples before the 17th's label are 2 (1.5), of 16 later too (2.4).
    before = [[2, 3, 4, 5, 8, 9, 10, 11], [12, 15]]
    assert parts(made.folds[0]) == [*before, [16, 17, 18, 19, 22, 23], []]
    trained = [2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19]
    assert parts(made.folds[1]) == [trained, [22, 23], [24, 25, 26, 29, 30], []]
    assert days(made.purged) == []
    # A search sees nothing of the evaluation: neither its days nor its labels.
    assert parts(made.search) == [*before, [], []]


def test_walk_forward_purges_what_straddles() -> None:
    # Labels of three bars: that of the 12th ends on the 17th, that of the 22nd on the 25th.
    made = walk(3)
    before = [[2, 3, 4, 5, 8], [11]]
    assert parts(made.folds[0]) == [*before, [16, 17, 18, 19], [9, 10, 12, 15]]
    trained = [2, 3, 4, 5, 8, 9, 10, 11, 12, 15]
    assert parts(made.folds[1]) == [trained, [18, 19], [24, 25, 26], [16, 17, 22, 23]]
    # The 22nd and 23rd are forecast by no fold, and trained on by none.
    assert days(made.purged) == [22, 23]
    assert parts(made.search) == [*before, [], [9, 10]]


def test_blocks_are_as_equal_as_can_be_and_leave_no_day_out() -> None:
    for n_blocks in (2, 3, 5):
        made = walk(1, n_blocks)
        tested = np.concatenate([fold.test for fold in made.folds])
        assert days(tested) == [16, 17, 18, 19, 22, 23, 24, 25, 26, 29, 30]
        sizes = [len(fold.test) for fold in made.folds]
        assert max(sizes) - min(sizes) <= 1


def test_evaluation_starts_with_the_next_session() -> None:
    by_weekend, by_monday = walk(1, 2, 20), walk(1, 2, 22)
    np.testing.assert_array_equal(by_weekend.folds[0].test, by_monday.folds[0].test)
    assert days(by_weekend.folds[0].test)[0] == 19  # its label is Monday's


@pytest.mark.parametrize("day", [date(2024, 1, 2), date(2023, 1, 1), date(2024, 2, 1)])
def test_evaluation_outside_the_data_is_one_line(day: date) -> None:
    with pytest.raises(ConfigError, match=f"evaluation_start: .*; got {day} in 22 bars") as caught:
        split(INDEX, 1, first_position=0, kind="walk-forward", evaluation_start=day)
    assert "\n" not in caught.value.line


def test_more_blocks_than_sessions_are_one_line() -> None:
    with pytest.raises(ConfigError, match="with 7 sessions or more from it on"):
        walk(1, 7, 24)


# Chunks of 3 + 1 bars from position 0 on: five whole ones, the last two bars are over.


def chunks(horizon: int = 1, n_bars: int = 22, **options: Any) -> Split:
    return split(
        pd.bdate_range("2024-01-02", periods=n_bars),
        horizon,
        first_position=2,
        kind="chunk",
        context_length=3,
        **options,
    )


def test_chunks_by_hand() -> None:
    made = chunks()
    (fold,) = made.folds
    # default_rng(42).permutation(5) is 4 2 3 1 0: chunk 4 is validation, 2 is test.
    assert np.random.default_rng(42).permutation(5).tolist() == [4, 2, 3, 1, 0]
    # The label of position 15 is bar 16, the first of chunk 4.
    assert fold.validation.tolist() == [15, 16, 17, 18]
    assert fold.test.tolist() == [7, 8, 9, 10]
    # After bar 11, the last of chunk 2, training waits for context + horizon = 4 bars.
    assert fold.train.tolist() == [2, 3, 4, 5, 6]
    assert fold.purged.tolist() == [11, 12, 13, 14, 19, 20]
    assert made.purged.tolist() == fold.purged.tolist()
    assert made.search is fold


def test_one_sample_a_chunk_is_the_one_that_fills_it() -> None:
    (fold,) = chunks(samples_per_chunk="one").folds
    parts_of = [part.tolist() for part in (fold.train, fold.validation, fold.test)]
    assert parts_of == [[2, 6], [18], [10]]
    assert len(fold.purged) == 19 - 4


def test_straddling_chunks_is_purged() -> None:
    # Chunks of 3 + 2 bars; the label of position 3 is bars 4 and 5: of two chunks.
    (fold,) = chunks(horizon=2, n_bars=30).folds
    assert 3 in fold.purged
    taken = np.concatenate([fold.train, fold.validation, fold.test])
    assert {int((t + 1) // 5) for t in taken} == {int((t + 2) // 5) for t in taken}


def test_scattering_is_the_same_every_time() -> None:
    once, again = chunks(n_bars=200).folds[0], chunks(n_bars=200).folds[0]
    np.testing.assert_array_equal(once.validation, again.validation)
    shares = [len(part) / 200 for part in (once.validation, once.test)]
    assert shares == pytest.approx([0.15, 0.15], abs=0.02)


# Combinations.


def test_combinations_by_hand() -> None:
    # 31 samples in groups of 5, the last of 6; context 1, horizon 1: an embargo of 2.
    index = pd.bdate_range("2024-01-02", periods=32)
    made = split(index, 1, first_position=0, kind="cpcv", context_length=1)
    assert len(made.folds) == 15
    assert made.search is made.folds[0]
    # Groups 1 and 3 are the seventh pair: 01 02 03 04 05 12 13.
    fold = made.folds[6]
    assert fold.test.tolist() == [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]
    # The label of position 9 is bar 10: training goes on at 10 + 2, and at 20 + 2.
    trained = [*range(5), 12, 13, 14, *range(22, 31)]
    assert fold.train.tolist() == trained[:14]
    assert fold.validation.tolist() == trained[14:]  # 15 % of 17 are 3
    assert fold.purged.tolist() == [10, 11, 20, 21]
    tested = np.concatenate([fold.test for fold in made.folds])
    assert np.bincount(tested).tolist() == [5] * 31


# All of them.


def or_refusal(make: Callable[[], Split]) -> Split | str:
    """Return a split, or the line that says why there is none."""
    try:
        return make()
    except ConfigError as error:
        return error.line


def cut(kind: Any, index: pd.DatetimeIndex, horizon: int, context: int, share: float) -> Split:
    n = len(index)
    return split(
        index,
        horizon,
        first_position=context - 1,
        train_end=index[int(share * n)].date(),
        validation_end=index[int((share + 1) / 2 * n)].date(),
        kind=kind,
        evaluation_start=index[int(share * n)].date(),
        n_blocks=3,
        context_length=context,
    )


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    gaps=st.lists(st.integers(1, 9), min_size=60, max_size=160),
    horizon=st.integers(1, 7),
    context=st.integers(1, 9),
    share=st.floats(0.4, 0.7),
)
def test_no_training_label_meets_an_evaluation_label_whatever_the_split(
    kind: str, gaps: list[int], horizon: int, context: int, share: float
) -> None:
    start = pd.Timestamp("2000-01-01")
    index = pd.DatetimeIndex(start + pd.to_timedelta(np.cumsum(gaps), unit="D"))
    made = or_refusal(lambda: cut(kind, index, horizon, context, share))
    if isinstance(made, str):  # too short for its horizon: said, not split
        assert " part" in made and "expected at least one sample" in made
        return
    samples = np.arange(context - 1, len(gaps) - horizon)
    for fold in (*made.folds, made.search):
        trained = label_bars(fold.train, horizon)
        validated, tested = (label_bars(part, horizon) for part in (fold.validation, fold.test))
        assert not trained & validated and not trained & tested and not validated & tested
        # In exactly one part, or purged: every sample whose label is known by the fold's end.
        known = samples
        if kind == "walk-forward":
            last = max((tested or validated) | label_bars(fold.purged, horizon))
            known = samples[samples + horizon <= last]
        whole = np.concatenate([fold.train, fold.validation, fold.test, fold.purged])
        np.testing.assert_array_equal(np.sort(whole), known)
        evaluated = [*fold.validation, *fold.test]
        if kind not in DIAGNOSTIC_SPLITS:  # the only ones that learn from later days
            assert max(fold.train) < min(evaluated, default=len(gaps))
        else:
            for t in fold.train:
                before = [bar for bar in validated | tested if bar <= t]
                assert not before or t - max(before) >= context + horizon
    everywhere = [part for f in made.folds for part in (f.train, f.validation, f.test)]
    np.testing.assert_array_equal(np.union1d(np.concatenate(everywhere), made.purged), samples)
    assert not np.isin(made.purged, np.concatenate(everywhere)).any()


@settings(max_examples=100, deadline=None)
@given(n=st.integers(60, 200), horizon=st.integers(1, 7), n_blocks=st.integers(1, 6))
def test_a_search_ends_before_the_first_block(n: int, horizon: int, n_blocks: int) -> None:
    index = pd.bdate_range("2000-01-03", periods=n)
    begin = n // 2
    made = or_refusal(
        lambda: split(
            index,
            horizon,
            first_position=0,
            kind="walk-forward",
            evaluation_start=index[begin].date(),
            n_blocks=n_blocks,
        )
    )
    if isinstance(made, str):
        assert (n - begin) // n_blocks < horizon
        return
    seen = label_bars(made.search.train, horizon) | label_bars(made.search.validation, horizon)
    assert max(seen) < begin
    assert len(made.search.test) == 0
    for fold in made.folds:
        assert begin <= min(label_bars(fold.test, horizon))
        before = label_bars(fold.train, horizon) | label_bars(fold.validation, horizon)
        assert max(before) < min(label_bars(fold.test, horizon))


def label_bars(positions: np.ndarray, horizon: int) -> set[int]:
    return {int(t) + step for t in positions for step in range(1, horizon + 1)}


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_int64_and_read_only(kind: str) -> None:
    made = cut(kind, pd.bdate_range("2024-01-02", periods=120), 2, 3, 0.6)
    for fold in (*made.folds, made.search):
        for part in (fold.train, fold.validation, fold.test, fold.purged):
            assert part.dtype == np.int64
            assert not part.flags.writeable
    assert not made.purged.flags.writeable


@pytest.mark.parametrize(
    ("kind", "horizon", "says"),
    [
        ("walk-forward", 9, r"test part of fold 1: .* evaluation_start 2024-03-13, 3 blocks"),
        ("chunk", 40, "validation part: .*horizon 40, context 3"),
        ("cpcv", 60, "part of fold 1: .*horizon 60, context 3"),
        ("walk-forward", 99, "part of fold 1"),
        ("chunk", 99, "part: "),
        ("cpcv", 99, "part of fold 1"),
    ],
)
def test_a_horizon_longer_than_a_part_is_one_line(kind: str, horizon: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        cut(kind, pd.bdate_range("2024-01-02", periods=75), horizon, 3, 0.68)
    assert "\n" not in caught.value.line


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"split: expected one of .*Did you mean chunk\?"):
        cut("chunks", INDEX, 1, 3, 0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_needs_is_asked_for(kind: Any) -> None:
    with pytest.raises(AssertionError):
        split(INDEX, 1, first_position=0, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_keeps_the_most_recent_training_samples_of_every_fold(kind: str) -> None:
    whole = cut(kind, pd.bdate_range("2024-01-02", periods=75), 1, 3, 0.6)
    for share, rounded_up in ((12.5, 8), (50.0, 2), (100.0, 1)):
        made = most_recent(whole, share)
        assert len(made.folds) == len(whole.folds)
        assert (made.search is made.folds[0]) == (whole.search is whole.folds[0])
        for fold, before in zip(made.folds, whole.folds, strict=True):
            n_kept = -(-len(before.train) // rounded_up)
            np.testing.assert_array_equal(fold.train, before.train[-n_kept:])
            assert fold.validation is before.validation and fold.test is before.test
            assert not fold.train.flags.writeable
