"""What the report says on top, and what it refuses to be built from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finscale.report import render_html, render_summary
from tests.reports import (
    SIZES,
    make_cells,
    make_closed,
    make_finals,
    make_full,
    make_partial,
    make_regression,
    make_report,
)


def test_no_model_beats_the_reference_is_said_on_top() -> None:
    report = make_report()
    assert report.against_reference == "No PatchTST beats the reference forecast (test days)."
    assert "scores better than all of them" in report.against_logistic


def test_models_that_beat_the_reference_are_counted_with_their_certainty() -> None:
    report = replace(make_report(), cells=make_cells(np.array([0.01, -0.001, -0.002, -0.009])))
    assert report.against_reference.startswith("3 of 4 sizes beat the reference")
    assert "1 of them with a 95 % interval below it" in report.against_reference
    assert report.against_logistic.startswith("2 of 4 sizes score better than a logistic")


def test_a_closed_test_is_judged_on_validation_and_says_so() -> None:
    report = make_closed()
    assert report.against_reference == "No PatchTST beats the reference forecast (validation days)."
    assert report.opening_sentence.startswith("The test stays closed: gate seeds: expected at le")
    better = replace(report, cells=report.cells.assign(val_loss=[0.37, 0.38, 0.39, 0.40]))
    assert better.against_reference == (
        "1 of 4 sizes beat the reference forecast on average (validation days)."
    )


def test_openings_are_told_apart() -> None:
    report = make_report()
    assert report.opening_sentence == "This is opening 1 of this test, with these finals only."
    again = replace(report, opening=2, exploratory=True).opening_sentence
    assert again.startswith("Exploratory: this is opening 2 of this test")


def test_missing_baselines_and_cells_leave_sentences_true() -> None:
    report = make_report()
    alone = replace(report, baselines=report.baselines.query("name != 'logistic'"))
    assert alone.against_logistic == ""
    empty = replace(make_closed(), cells=make_cells().iloc[:0])
    assert empty.against_reference.startswith("There is no trained cell")


def test_without_a_reference_nothing_is_claimed_of_it() -> None:
    report = replace(make_closed(), baselines=make_closed().baselines.iloc[:0])
    assert report.against_reference == "There is no reference forecast to compare with."


def test_cells_are_shown_by_size() -> None:
    report = replace(make_report(), cells=make_cells().iloc[::-1])
    assert report.cells["n_params"].tolist() == sorted(SIZES)


def test_a_frame_without_its_columns_is_refused() -> None:
    with pytest.raises(AssertionError, match="run_ids"):
        replace(make_report(), cells=make_cells().drop(columns="run_ids"))


def test_an_open_test_with_missing_losses_is_refused() -> None:
    with pytest.raises(AssertionError, match="a loss for every cell"):
        replace(make_report(), cells=make_cells().drop(columns="test_loss"))


@pytest.mark.parametrize(("n_cut_off", "said"), [(0, ""), (5, "5 of 12 finals were still")])
def test_finals_that_ran_out_of_epochs_are_counted_on_top(n_cut_off: int, said: str) -> None:
    finals = make_finals().assign(epochs=7, best_epoch=[7] * n_cut_off + [3] * (12 - n_cut_off))
    report = replace(make_report(), finals=finals)
    assert report.still_improving.startswith(said) and bool(report.still_improving) == bool(said)
    assert report.still_improving in render_summary(report)
    assert report.still_improving in render_html(report, {})


def test_nothing_is_said_of_epochs_that_nobody_counted() -> None:
    assert make_report().still_improving == ""


def test_cells_of_unlike_epochs_are_said_to_be_so() -> None:
    alike = make_finals().assign(epochs=3, best_epoch=1)
    assert replace(make_report(), finals=alike).unlike_epochs == ""
    report = replace(make_report(), finals=alike.assign(epochs=[1] * 3 + [3] * 9))
    assert report.unlike_epochs.startswith("The finals were given 1 to 3 epochs")
    assert report.unlike_epochs in render_summary(report)
    assert report.unlike_epochs in render_html(report, {})


def test_a_partial_study_says_so_before_its_opening() -> None:
    report = make_partial()
    assert report.opening_sentence == (
        "Partial: the test was opened all the same (gate sizes: expected at "
        "least 4 true sizes, got 1). This is opening 1 of this test, with these finals only."
    )
    again = replace(report, opening=3, exploratory=True).opening_sentence
    assert again.startswith("Partial: the test was") and "Exploratory: this is opening 3" in again
    closed = replace(make_closed(), partial="unfinished: sp500.2M").opening_sentence
    assert closed.startswith("The test stays closed")


def test_base_rates_are_said_by_part() -> None:
    assert make_full().base_rate_sentence == (
        "Share of ones: training .249, validation .153, test .131; a constant forecast is only "
        "good if the base rate is stable."
    )
    assert "training 1.000;" in replace(make_full(), base_rates={"training": 1}).base_rate_sentence
    assert make_regression().base_rate_sentence == ""


@pytest.mark.parametrize(
    ("p_value", "said"), [(0.4124, "p = 0.412."), (0.0, "p < 0.001."), (0.001, "p = 0.001.")]
)
def test_hansens_test_is_said_with_its_p_value(p_value: float, said: str) -> None:
    assert replace(make_report(), superior_p=p_value).superior_sentence == (
        "Hansen's test that no PatchTST beats the reference, with the choice among them "
        f"counted: {said}"
    )
    assert make_report().superior_sentence == ""


def test_models_of_returns_are_compared_with_the_linear_one() -> None:
    report = make_regression()
    assert report.against_logistic == (
        "A linear model on the same features scores better than all of them."
    )
    better = report.cells.assign(test_loss=[-3.2, -3.1, -3.0, -2.9])
    assert replace(report, cells=better).against_logistic == (
        "1 of 4 sizes score better than a linear model on the same features."
    )


def test_forecasts_stand_by_size_and_from_simple_to_rich() -> None:
    forecasts = make_full().forecasts()
    assert forecasts["forecast"].tolist() == [
        *("PatchTST 32K", "PatchTST 125K", "PatchTST 500K", "PatchTST 2M"),
        *("reference", "prior", "logistic", "boosting"),
        *("mlp 32K", "mlp 125K", "mlp 500K", "mlp 2M"),
    ]
    runs = dict(zip(forecasts["forecast"], forecasts["run_id"], strict=True))
    assert runs["boosting"] == "1" * 32 and runs["PatchTST 2M"] == ""


def test_forecasts_know_what_is_missing() -> None:
    forecasts = make_closed().forecasts()
    assert forecasts[["test_loss", "difference", "mcs_p", "val_mae"]].isna().all(axis=None)
    assert forecasts["val_loss"].notna().all()
