"""The test ledger on a real store: numbers of openings, whatever becomes of the runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from finscale.tracking import Kind, Question, create_run, open_tests
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
