"""The test ledger on a real store: numbers of openings, whatever becomes of the runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from finscale.tracking import Kind, Question, Run, Tag, create_run, open_tests
from finscale.tracking import test_openings as recorded_openings
from tests.lab import Lab

YEAR = Question("^GSPC", "threshold_1pct", 1, date(2016, 1, 4), date(2016, 12, 30))


def opened(finals: str, question: Question = YEAR) -> int:
    (opening,) = open_tests(create_run(Kind.ANALYSIS, "analysis"), {question: finals})
    return opening.number


def test_the_same_finals_keep_their_number_and_others_take_the_next(lab: Lab) -> None:
    assert [opened(finals) for finals in "aabacbda"] == [1, 1, 2, 1, 3, 2, 4, 1]
    assert len(lab.runs("analysis")) == 8


@pytest.mark.parametrize(
    "other",
    [
        replace(YEAR, target="^IXIC"),
        replace(YEAR, task="threshold_2pct"),
        replace(YEAR, horizon=3),
        replace(YEAR, test_start=date(2017, 1, 3), test_end=date(2018, 12, 31)),
    ],
)
def test_another_question_counts_for_itself(lab: Lab, other: Question) -> None:
    assert [opened("a"), opened("b", other), opened("c", other), opened("d")] == [1, 1, 2, 2]
    assert len(recorded_openings()) == 4 == len(lab.runs("analysis"))


def test_overlapping_days_of_another_split_belong_together(lab: Lab) -> None:
    assert opened("a") == 1
    assert opened("b", replace(YEAR, test_end=date(2018, 12, 31))) == 2
    assert opened("c", replace(YEAR, test_start=date(2018, 1, 2), test_end=date(2019, 1, 2))) == 3
    assert opened("d") == 3  # it overlaps the first two alone
    assert len(lab.runs("analysis")) == 4


def test_openings_of_deleted_runs_still_count(lab: Lab) -> None:
    assert opened("a") == 1
    lab.delete(lab.runs("analysis")[0].info.run_id)
    assert lab.runs("analysis") == []
    assert opened("b") == 2
    assert opened("a") == 1


def test_a_study_opens_all_its_questions_on_one_run(lab: Lab) -> None:
    run = create_run(Kind.ANALYSIS, "analysis")
    later = replace(YEAR, horizon=3)
    openings = open_tests(run, {YEAR: "a", later: "b"})
    assert recorded_openings() == openings
    assert [(o.question, o.number, o.run_id) for o in openings] == [
        (YEAR, 1, run.run_id),
        (later, 1, run.run_id),
    ]
    assert len(lab.runs("analysis")) == 1


# Tickers that look like numbers

PAIRS = [("000001", "0001"), ("NAN", "nan"), ("1", "01"), ("TRUE", "T")]
LOOK_ALIKE = [("1", ("000001", "0001")), ("nan", ("NAN", "NaN"))]


def record(run: Run, target: str, finals: str) -> None:
    """Write an opening as it was written when such tickers were read as numbers."""
    entry = {
        **{"target": target, "task": "threshold_1pct", "horizon": 1, "definition": ""},
        **{"test_start": "2016-01-04", "test_end": "2016-12-30"},
        **{"number": 1, "finals_sha256": finals},
    }
    run.tag({Tag.OPENINGS: json.dumps([entry])})


def final_of(problem: str, ticker: str) -> None:
    create_run(Kind.FINAL, "final", tags={Tag.PROBLEM: problem}).param({"ticker": ticker})


@pytest.mark.parametrize(
    "tickers", [("000001", "0001"), ("NAN", "nan"), ("1", "01"), ("TRUE", "T")]
)
def test_tickers_that_look_alike_as_numbers_are_apart(lab: Lab, tickers: tuple[str, str]) -> None:
    first, second = (replace(YEAR, target=ticker) for ticker in tickers)
    assert [opened("a", first), opened("b", second), opened("c", first)] == [1, 1, 2]
    assert {opening.question.target for opening in recorded_openings()} == set(tickers)
    assert len(lab.runs("analysis")) == 3


@pytest.mark.parametrize(
    ("written", "tickers"), [("1", ("000001", "0001")), ("nan", ("NAN", "NaN"))]
)
def test_an_old_record_is_that_of_the_ticker_it_was_made_for(
    lab: Lab, written: str, tickers: tuple[str, str]
) -> None:
    for number, ticker in enumerate(tickers):
        final_of(f"u{number}.x", ticker)
    record(create_run(Kind.ANALYSIS, "analysis", tags={Tag.PROBLEM: "u0.x"}), written, "a")
    first, second = (replace(YEAR, target=ticker) for ticker in tickers)
    assert opened("b", second) == 1, "this one was never opened"
    assert opened("c", first) == 2
    assert len(lab.runs("analysis")) == 3


def test_an_old_record_of_which_nothing_else_is_known_counts_for_all(lab: Lab) -> None:
    for ticker in ("000001", "0001"):
        final_of("u.x", ticker)
    record(create_run(Kind.ANALYSIS, "analysis"), "1", "a")
    assert opened("b", replace(YEAR, target="000001")) == 2
    assert opened("c", replace(YEAR, target="0001")) == 2
    assert opened("d", replace(YEAR, target="2")) == 1
    assert len(lab.runs("analysis")) == 4
