"""What a report says of the tests of the procedure."""

from __future__ import annotations

from dataclasses import replace

from finscale.laws import Control, ErrorRates, SlopeDifference
from finscale.report.problem.control_text import control_sentence, control_table
from finscale.report.problem.numbers import tidy_numbers
from finscale.report.study.overview import Overview, difference_table
from tests.reports import make_report

SOUND = Control(
    delta=0.007,
    as_trained=ErrorRates(0.002, {"flat": 97, "inverse": 3}, 99),
    levelled=ErrorRates(0.0, {"flat": 98, "improves": 2}, 97),
    planted=ErrorRates(-0.014, {"improves": 89, "not identifiable": 11}, 96),
    learnt=0.875,
)


def test_three_rows_a_control() -> None:
    table = control_table(["flat"], [SOUND])
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [row["control"] for row in rows] == ["flat", "", ""]
    assert [row["false"] for row in rows] == ["0 of 100", "2 of 100", "0 of 100"]
    assert [row["found"] for row in rows][1:] == ["\N{EN DASH}", "89 of 100"]
    assert [row["intervals right"] for row in rows] == ["99 of 100", "97 of 100", "96 of 100"]
    assert rows[0]["learnt"] == "88%"
    assert rows[0]["answers"] == "flat 97, inverse 3"


def test_it_passes_or_says_where_it_failed() -> None:
    assert control_sentence(["flat"], [SOUND]).startswith("The procedure passed")
    blind = Control(
        0.007, SOUND.as_trained, SOUND.levelled, ErrorRates(-0.014, {"flat": 100}, 96), None
    )
    said = control_sentence(["flat", "null"], [SOUND, blind])
    assert "failed" in said and "-0.0140 found in 0 of 100" in said


def test_every_count_is_a_number_with_its_runs() -> None:
    numbers = tidy_numbers(replace(make_report(), control=SOUND))
    mine = numbers[numbers["section"] == "control"].set_index(["item", "quantity"])["value"]
    assert mine["planted", "n_found"] == 89.0 and mine["levelled", "n_wrong"] == 2.0
    assert mine["models", "learnt"] == 0.875
    assert not (numbers[numbers["section"] == "control"]["run_ids"] == "").any()


def test_slopes_compared_name_both_problems() -> None:
    reports = tuple(replace(make_report(), problem=f"u.t.h{h}.daily.a20") for h in (1, 3))
    one = SlopeDifference(0, 1, 0.004, 0.001, 0.007, 0.02, 0.04)
    (row,) = difference_table(Overview("s", "q", reports, (one,))).rows
    assert row == ("h3 against h1", "+0.00400", "[+0.00100, +0.00700]", "0.020", "0.040")
