"""The table that a verb ends with: every forecast, as wide as a terminal."""

from __future__ import annotations

import pytest

from finscale.pipeline.analysis import summary
from finscale.pipeline.analysis.summary import console_summary, results_table
from finscale.report import Report
from finscale.tracking import Run
from tests.reports import make_full, make_full_closed, make_partial, make_regression


def lines(report: Report) -> list[str]:
    return [line.strip() for line in results_table(report).splitlines()]


def test_models_and_baselines_stand_in_one_table() -> None:
    found = lines(make_full())
    assert found[1].split() == [
        *("parameters", "seeds", "validation", "test", "difference", "95", "%", "interval"),
        "skill",
    ]
    assert found[3].split() == [
        *("PatchTST", "32K", "31.9K", "3", "0.3890", "0.3823", "+0.0102"),
        *("[+0.0062,", "+0.0142]", "-2.74%"),
    ]
    assert found[-1].split() == [
        *("mlp", "2M", "0.3710", "0.3755", "+0.0034", "[+0.0003,", "+0.0065]", "-0.91%"),
    ]
    reference = next(line for line in found if line.startswith("reference"))
    assert reference.split() == ["reference", "0.3712", "0.3721", "+0.00%"]


def test_a_closed_test_is_named_closed() -> None:
    text = results_table(make_full_closed())
    assert "validation skill" in text and "difference" not in text and "interval" not in text
    assert text.count("closed") == 12
    assert "-4.80%" in text


def test_negative_losses_keep_their_sign() -> None:
    linear = next(line for line in lines(make_regression()) if line.startswith("linear"))
    assert linear.split()[:3] == ["linear", "-3.1054", "-3.1032"]


@pytest.mark.parametrize(
    "report", [make_full(), make_full_closed(), make_partial(), make_regression()]
)
def test_the_table_fits_a_terminal(report: Report) -> None:
    table = results_table(report)
    assert max(map(len, table.splitlines())) <= 110
    assert "\u2026" not in table


def test_a_skill_is_explained_and_one_far_below_zero_in_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(summary, "next_lines", lambda run: [])
    report = make_full_closed()
    said = console_summary([report], Run("id", "0"))
    assert "Skill: the share of the reference's loss that is saved; 0 % is the reference" in said
    report.cells.loc[0, "val_skill"] = -2.34
    said = console_summary([report], Run("id", "0"))
    assert "it is worse (-234%: a loss of 3.3 times the reference's)." in said
    assert "Skill: 1 - exp(difference)" in console_summary([make_regression()], Run("id", "0"))


def test_where_to_look_is_said_once_for_all_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "next_lines", lambda run: ["Open the report:   here"])
    text = console_summary([make_full(), make_full_closed(), make_partial()], Run("id", "0"))
    assert text.count("Verdict: ") == 3 and text.count("Open the report") == 1
    assert text.endswith("\n\nOpen the report:   here")
