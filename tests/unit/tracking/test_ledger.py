"""Which openings of a test belong together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finscale.tracking import Opening, Question, finals_sha256

YEAR = Question("^GSPC", "threshold_1pct", 1, date(2016, 1, 4), date(2016, 12, 30))


@pytest.mark.parametrize(
    ("start", "end", "overlaps"),
    [
        (date(2016, 1, 4), date(2016, 12, 30), True),
        (date(2016, 12, 30), date(2018, 12, 31), True),
        (date(2012, 1, 3), date(2016, 1, 4), True),
        (date(2016, 5, 2), date(2016, 5, 2), True),
        (date(2017, 1, 3), date(2018, 12, 31), False),
        (date(2012, 1, 3), date(2015, 12, 31), False),
    ],
)
def test_common_days_make_an_overlap(start: date, end: date, overlaps: bool) -> None:
    other = replace(YEAR, test_start=start, test_end=end)
    assert YEAR.overlaps(other) is overlaps
    assert other.overlaps(YEAR) is overlaps


@pytest.mark.parametrize("changes", [{"target": "^IXIC"}, {"task": "other"}, {"horizon": 3}])
def test_another_question_on_the_same_days_is_independent(changes: dict[str, object]) -> None:
    assert not YEAR.overlaps(replace(YEAR, **changes))


@given(st.permutations(["a", "b", "c", "d", "e"]))
def test_a_digest_of_finals_does_not_depend_on_their_order(prints: list[str]) -> None:
    assert finals_sha256(prints) == finals_sha256("abcde")
    assert finals_sha256(prints[1:]) != finals_sha256("abcde")


def test_only_a_later_number_is_exploratory() -> None:
    assert not Opening(1, YEAR, "a", "run").is_exploratory
    assert Opening(2, YEAR, "a", "run").is_exploratory
