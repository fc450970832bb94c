"""The splitter by date: three parts in time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError
from finscale.dataset import first_position, split

# Eleven sessions; the 6th, 7th, 13th and 14th are weekends, the 10th a holiday.
INDEX = pd.DatetimeIndex(
    [f"2024-01-{day:02d}" for day in (2, 3, 4, 5, 8, 9, 11, 12, 15, 16, 17)], name="date"
)


def cut(
    horizon: int, first: int = 0, train_end: int = 5, validation_end: int = 11
) -> list[list[int]]:
    made = split(
        INDEX,
        horizon,
        first_position=first,
        train_end=date(2024, 1, train_end),
        validation_end=date(2024, 1, validation_end),
    )
    (fold,) = made.folds
    return [part.tolist() for part in (fold.train, fold.validation, fold.test, made.purged)]


def test_horizon_one_has_nothing_to_purge() -> None:
    # Position 3 is Friday 5th: its label is Monday's, so it is a validation sample.
    assert cut(1) == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9], []]


def test_straddling_label_intervals_are_purged() -> None:
    # Position 2 (4th) is labelled by the 5th and 8th; position 5 (9th) by the 11th and 12th.
    assert cut(2) == [[0, 1], [3, 4], [6, 7, 8], [2, 5]]
    assert cut(3) == [[0], [3], [6, 7], [1, 2, 4, 5]]


def test_boundaries_between_sessions_belong_to_the_session_before() -> None:
    assert cut(2, train_end=7, validation_end=10)[0] == [0, 1]
    assert cut(1, train_end=7, validation_end=10) == [[0, 1, 2], [3, 4], [5, 6, 7, 8, 9], []]


def test_samples_begin_at_the_first_position() -> None:
    assert cut(2, first=1) == [[1], [3, 4], [6, 7, 8], [2, 5]]


def test_first_position_lies_one_context_after_the_warm_up() -> None:
    assert first_position("a20", 1) == 199
    assert first_position("a20", 60) == 258
    with pytest.raises(ConfigError, match="feature_tier"):
        first_position("a21", 60)


def test_positions_are_int64_and_read_only() -> None:
    made = split(
        INDEX, 2, first_position=0, train_end=date(2024, 1, 5), validation_end=date(2024, 1, 11)
    )
    fold = made.folds[0]
    for part in (fold.train, fold.validation, fold.test, made.purged):
        assert part.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 7


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"horizon": 4}, "train part: expected at least one sample; got none"),
        ({"horizon": 1, "train_end": 1}, "train part"),
        ({"horizon": 3, "validation_end": 9}, "validation part"),
        ({"horizon": 1, "validation_end": 5}, "validation part"),
        ({"horizon": 1, "validation_end": 4}, "validation part"),
        ({"horizon": 1, "validation_end": 17}, "test part"),
        ({"horizon": 1, "train_end": 30, "validation_end": 31}, "validation part"),
        ({"horizon": 1, "first": 3}, "train part"),
        ({"horizon": 1, "first": 30}, r"11 bars \(2024-01-02 to 2024-01-17\)"),
        ({"horizon": 13}, "train part"),
    ],
)
def test_a_part_without_samples_is_one_line(arguments: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        cut(**arguments)
    assert "\n" not in caught.value.line


@settings(max_examples=200, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 9), min_size=30, max_size=80),
    horizon=st.integers(1, 6),
    first=st.integers(0, 4),
    ends=st.tuples(st.floats(0.3, 0.5), st.floats(0.6, 0.75)),
)
def test_no_training_label_meets_an_evaluation_label(
    gaps: list[int], horizon: int, first: int, ends: tuple[float, float]
) -> None:
    days = np.cumsum(gaps)
    index = pd.DatetimeIndex(pd.Timestamp("2000-01-01") + pd.to_timedelta(days, unit="D"))
    train_end, validation_end = (index[int(share * len(gaps))].date() for share in ends)
    try:
        made = split(
            index,
            horizon,
            first_position=first,
            train_end=train_end,
            validation_end=validation_end,
        )
    except ConfigError:
        # The two boundaries lie nearer to each other than a horizon.
        between = int(ends[1] * len(gaps)) - int(ends[0] * len(gaps))
        assert between < horizon or int(ends[0] * len(gaps)) < first + horizon
        return
    fold = made.folds[0]
    bars = [label_bars(part, horizon) for part in (fold.train, fold.validation, fold.test)]
    assert not bars[0] & bars[1] and not bars[0] & bars[2] and not bars[1] & bars[2]
    parts = np.concatenate([fold.train, fold.validation, fold.test, made.purged])
    np.testing.assert_array_equal(np.sort(parts), np.arange(first, len(gaps) - horizon))
    for t in made.purged:
        cuts = {day.date() > train_end for day in index[t + 1 : t + horizon + 1]}
        later = {day.date() > validation_end for day in index[t + 1 : t + horizon + 1]}
        assert len(cuts) == 2 or len(later) == 2


def label_bars(positions: np.ndarray[tuple[int], np.dtype[np.int64]], horizon: int) -> set[int]:
    return {int(t) + step for t in positions for step in range(1, horizon + 1)}
