"""The tidy table: every number that the page shows is in it, and none of a closed test."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from finscale.report import Report, tidy_numbers
from finscale.report.pages.table import MINUS, Table
from finscale.report.problem.forecasts import forecast_table
from finscale.report.problem.searches import architecture_table, extreme_table, success_table
from finscale.report.problem.tables import (
    NUMBERS,
    calibration_table,
    cell_table,
    final_table,
    number_table,
    rival_table,
)
from finscale.report.problem.transfer import best_trials, transfer_table
from tests.reports import (
    make_closed,
    make_finals,
    make_full,
    make_full_closed,
    make_partial,
    make_regression,
    make_report,
    make_rivals,
    make_searched,
)

SECTIONS = {"verdict", "cell", "baseline", "final", "rival", "residual", "beyond", "calibration"}
SECTIONS |= {"trial", "attempt", "architecture", "transfer", "success", "importance"}
# Columns of text, or of a size written short.
WORDS = {"forecast", "run", "runs", "budget", "parameters", "architecture", "note", "number"}
WORDS |= {"law", "status", "trial", "width × depth", "kind", "place", "what", "revin"}
NUMBER = re.compile(rf"[+{MINUS}]?[\d,]*\.?\d+(?:e{MINUS}?\d+)?(?: ?%)?")


def reports() -> list[Report]:
    full = replace(make_searched(), rivals=make_rivals())
    return [
        full,
        make_searched(make_full_closed()),
        make_full_closed(),
        make_closed(),
        make_partial(),
        make_regression(),
    ]


def shown(table: Table) -> set[str]:
    """Return every number that a table writes."""
    places = [place for place, name in enumerate(table.header) if name not in WORDS]
    texts = [row[place] for row in table.rows for place in places]
    return {number for text in texts for number in NUMBER.findall(text)}


def is_known(text: str, values: list[float]) -> bool:
    """Tell whether some value is written as `text`."""
    plain = text.replace(MINUS, "-").replace(",", "").replace(" ", "")
    scale = 100.0 if plain.endswith("%") else 1.0
    number = float(plain.rstrip("%"))
    mantissa, _, exponent = plain.rstrip("%").partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return any(abs(value * scale - number) <= 0.5001 * 10.0**-decimals for value in values)


@pytest.mark.parametrize("report", reports())
def test_every_number_of_the_tables_is_in_the_tidy_one(report: Report) -> None:
    values = tidy_numbers(report)["value"].tolist()
    best = best_trials(report.trials)
    tables = [
        *(number_table(report), forecast_table(report), cell_table(report)),
        *(final_table(report), rival_table(report), calibration_table(report)),
        *(architecture_table(report), extreme_table(report), success_table(report)),
        transfer_table(best, best["budget"].astype(str).tolist(), "budget"),
    ]
    numbers = {text for table in tables for text in shown(table)}
    assert len(numbers) > 10
    assert [text for text in numbers if not is_known(text, values)] == []


@pytest.mark.parametrize("report", reports())
def test_the_table_is_tidy(report: Report) -> None:
    frame = tidy_numbers(report)
    assert list(frame) == ["section", "item", "run_ids", "quantity", "value"]
    assert frame["value"].dtype == "float64" and frame["value"].map(math.isfinite).all()
    assert not frame.duplicated(["section", "item", "quantity"]).any()
    assert set(frame["section"]) <= SECTIONS


def test_each_number_stands_under_its_forecast_with_its_runs() -> None:
    frame = tidy_numbers(make_full()).set_index(["section", "item", "quantity"])
    assert frame.loc[("cell", "PatchTST 2M", "difference"), "value"] == 0.0066
    assert frame.loc[("cell", "PatchTST 2M", "mcs_p"), "run_ids"] == "run30 run31 run32"
    assert frame.loc[("baseline", "mlp 32K", "test_loss"), "value"] == 0.3782
    assert frame.loc[("final", "run01", "val_loss"), "run_ids"] == "run01"
    assert frame.loc[("verdict", "test", "n_days"), "value"] == 751
    assert frame.loc[("verdict", "base rate", "test"), "value"] == 0.1308
    assert frame.loc[("verdict", "left out", "n_runs"), "run_ids"] == "runbad"
    decided = frame.loc[("verdict", "procedure", "slope"), "run_ids"].split()
    assert set(make_finals()["run_id"]) < set(decided) and "4" * 32 in decided


def test_every_number_of_the_procedure_is_kept() -> None:
    report = make_report()
    frame = tidy_numbers(report).query("item == 'procedure'").set_index("quantity")["value"]
    assert frame.to_dict() == report.verdict.numbers
    assert {name for name, _, _ in NUMBERS} >= set(frame.index)


def test_what_an_earlier_opening_left_in_the_store_stays_out_of_a_closed_one() -> None:
    kept = replace(make_full(), opening=None, verdict=make_closed().verdict, power_law=None)
    frame = tidy_numbers(kept)
    hidden = frame["quantity"].str.contains("test_|ci_|skill_|difference|mcs|n_eff|n_days|superior")
    assert set(frame["quantity"][hidden]) == {"val_difference"}
    assert "val_loss" in set(frame["quantity"])


def test_laws_that_could_not_be_judged_have_no_criterion() -> None:
    frame = tidy_numbers(replace(make_report(), rivals=make_rivals())).query("section == 'rival'")
    known = frame.groupby("item")["quantity"].agg(set).to_dict()
    assert known["constant"] == {"n_constants", "chi2", "aicc", "held_out_error", "E"}
    assert "aicc" not in known["power law with floor"]
    assert known["broken power law"] == {"n_constants"}


def test_numbers_of_the_searches_stand_with_their_runs() -> None:
    frame = tidy_numbers(make_searched()).set_index(["section", "item", "quantity"])
    # 31,907 of 32,000 parameters.
    assert frame.loc[("architecture", "32K", "budget_use"), "value"] == pytest.approx(-93 / 32_000)
    assert frame.loc[("transfer", "32K to 125K", "learning_rate"), "value"] == pytest.approx(0.5)
    assert frame.loc[("transfer", "32K to 125K", "learning_rate"), "run_ids"] == "trial02 trial12"
    assert frame.loc[("success", "trial 2M", "share_ok"), "value"] == pytest.approx(4 / 6)
    assert frame.loc[("success", "final 2M", "diverged"), "value"] == 1
    assert frame.loc[("importance", "32K", "dropout"), "value"] == 0.3
    assert frame.loc[("calibration", "reference: 1", "frequency"), "run_ids"] == "4" * 32
    assert frame.loc[("trial", "trial02", "d_model"), "value"] == 16


def test_residuals_and_a_decade_beyond_are_numbers_too() -> None:
    report = make_report()
    frame = tidy_numbers(report).set_index(["section", "item", "quantity"])["value"]
    line = report.verdict.slope
    assert line is not None
    left = 0.0066 - line.predict(2_031_229)
    assert frame["residual", "PatchTST 2M", "log-linear"] == pytest.approx(left)
    assert frame["beyond", "log-linear", "n_params"] == 20_312_290
    assert frame["beyond", "log-linear", "value"] == pytest.approx(line.predict(20_312_290))
    assert "residual" not in set(tidy_numbers(make_closed())["section"])
