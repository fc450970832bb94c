"""The table of forecasts: every one side by side, with what is known of its uncertainty."""

from __future__ import annotations

from dataclasses import replace

from finscale.report import Report
from finscale.report.problem.forecasts import forecast_caption, forecast_table
from tests.reports import (
    make_closed,
    make_full,
    make_full_closed,
    make_partial,
    make_regression,
    make_report,
)

OPEN = ("forecast", "loss", "difference", "skill")
UNCERTAIN = ("n effective", "MCS p", "validation loss", "run")


def rows(report: Report) -> dict[str, dict[str, str]]:
    table = forecast_table(report)
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def test_a_classifier_is_shown_with_its_intervals_and_scores() -> None:
    table = forecast_table(make_full())
    assert table.header == (*OPEN, "AUC", "Brier", "ECE", *UNCERTAIN)
    assert table.rows[2] == (
        *("PatchTST 500K", "0.3772", "+0.0051\n[+0.0011, +0.0091]"),
        *("\u22121.37%\n[\u22122.44%, \u22120.30%]", "0.660", "0.1131", "0.021"),
        *("371", "0.212\nin the set", "0.3790", ""),
    )
    assert len(table.rows) == 12


def test_baselines_stand_beside_the_models_with_their_runs() -> None:
    boosting = rows(make_full())["boosting"]
    assert boosting["difference"] == "\u22120.0032\n[\u22120.0063, \u22120.0001]"
    assert boosting["n effective"] == "421" and boosting["run"] == "1" * 32
    assert rows(make_full())["mlp 125K"]["loss"] == "0.3761"
    reference = rows(make_full())["reference"]
    assert reference["difference"] == reference["n effective"] == "\u2013"
    assert reference["skill"] == "+0.00%"


def test_the_confidence_set_holds_what_has_five_per_cent_or_more() -> None:
    found = {name: row["MCS p"] for name, row in rows(make_full()).items()}
    assert found["PatchTST 2M"] == "0.050\nin the set"
    assert found["PatchTST 125K"] == "0.031" and found["prior"] == "0.000"
    # 0.0499 is shown as 0.050 and is outside all the same.
    cells = make_full().cells.assign(mcs_p=0.0499)
    assert rows(replace(make_full(), cells=cells))["PatchTST 2M"]["MCS p"] == "0.050"


def test_returns_have_scores_of_their_own() -> None:
    table = forecast_table(make_regression())
    assert table.header == (*OPEN, "MAE", "RMSE", "coverage", *UNCERTAIN)
    linear = rows(make_regression())["linear"]
    assert linear["loss"] == "\u22123.1032" and linear["coverage"] == "89.3%"
    assert linear["MAE"] == "0.00612" and linear["skill"].startswith("+0.19%")


def test_a_closed_test_shows_validation_without_intervals() -> None:
    table = forecast_table(make_full_closed())
    assert table.header == (
        *("forecast", "validation loss", "difference", "skill", "AUC", "Brier", "ECE", "run"),
    )
    found = rows(make_full_closed())
    assert found["PatchTST 32K"]["difference"] == "+0.0178"
    assert found["PatchTST 32K"]["skill"] == "\u22124.80%"
    assert found["reference"]["difference"] == "\u2013"
    assert found["mlp 500K"]["AUC"] == "0.670"
    assert not any("[" in value for row in table.rows for value in row)


def test_what_nobody_computed_has_no_column() -> None:
    assert forecast_table(make_closed()).header == (
        *("forecast", "validation loss", "difference", "run"),
    )
    assert forecast_table(make_report()).header == (*OPEN, "validation loss", "run")
    # Without a reference there is nothing to differ from.
    alone = replace(make_closed(), baselines=make_closed().baselines.iloc[:0])
    assert forecast_table(alone).header == ("forecast", "validation loss")


def test_one_cell_behind_a_gate_is_shown_whole() -> None:
    found = rows(make_partial())
    assert list(found) == [
        *("PatchTST 32K", "reference", "prior", "logistic", "boosting", "mlp 32K"),
    ]
    assert found["PatchTST 32K"]["difference"] == "+0.0102\n[+0.0062, +0.0142]"


def test_the_caption_explains_the_columns_that_are_there() -> None:
    caption = forecast_caption(make_full())
    assert "the same 751 test days" in caption
    assert "1 \u2212 loss / reference loss" in caption
    assert "Hansen, Lunde & Nason 2011" in caption and "n effective" in caption
    bare = forecast_caption(make_report())
    assert "the same test days" in bare and "Hansen" not in bare and "effective" not in bare
    returns = forecast_caption(make_regression())
    assert "1 \u2212 exp(difference)" in returns and "90 % interval" in returns
    closed = forecast_caption(make_full_closed())
    assert "validation days" in closed and "Hansen" not in closed
