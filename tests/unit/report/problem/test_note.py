"""The note of the analysis run: whole where there is room, and never cut by the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finscale.report import Report, render_note, render_summary
from tests.reports import make_closed, make_report


def several(n_reports: int) -> list[Report]:
    made = [make_report(), make_closed()]
    return [replace(made[i % 2], title=f"Study demo: problem {i}") for i in range(n_reports)]


def test_what_fits_is_the_whole_summaries() -> None:
    reports = several(2)
    assert render_note(reports) == "\n\n".join(render_summary(report) for report in reports)


def test_what_does_not_fit_keeps_verdicts_and_openings_and_says_where_the_rest_is() -> None:
    reports = several(7)
    note = render_note(reports)
    assert len("\n\n".join(map(render_summary, reports))) > 8_000
    for report in reports:
        for text in (report.title, report.verdict.reason, report.opening_sentence):
            assert text in note
    assert "report.html" in note and "summary.md" in note and "| slope" not in note


def test_eighty_problems_keep_their_answers_and_the_rest_are_counted() -> None:
    assert "- Study demo: problem 79: **not identifiable**" in render_note(several(80))
    note = render_note(several(211))
    n_shown = note.count("\n- ") + 1
    assert f"and {211 - n_shown} more" in note and 90 < n_shown < 211
    assert note.startswith("- Study demo: problem 0: **") and "summary.md" in note


@pytest.mark.parametrize("n_reports", [1, 3, 11, 29, 211])
def test_no_note_is_longer_than_a_tag_may_be(n_reports: int) -> None:
    assert 0 < len(render_note(several(n_reports))) <= 7_500


def test_one_long_title_leaves_a_count() -> None:
    note = render_note([replace(make_report(), title="x" * 9_000)])
    assert note.startswith("and 1 more")
