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
