"""What the report says on top, and what it refuses to be built from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finscale.laws import Conditions, Evidence, check_gates, fit_power_law, refuse, verdict
from finscale.report import Report

SIZES = (31_907, 121_013, 509_767, 2_031_229)
DIFFERENCE = np.array([0.0102, 0.0085, 0.0051, 0.0066])
REFERENCE = 0.3721
CONDITIONS = Conditions(SIZES, (3,) * 4, 751, 751.0, ("ab" * 32,), ("1",), ("chronological",))
TEST_COLUMNS = ["difference", "ci_low", "ci_high", "test_loss", "test_loss_ref", "test_skill"]


def make_cells(difference: np.ndarray = DIFFERENCE) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "budget": ["32K", "125K", "500K", "2M"],
            "n_params": SIZES,
            "n_seeds": 3,
            "difference": difference,
            "ci_low": difference - 0.004,
            "ci_high": difference + 0.004,
            "test_loss": REFERENCE + difference,
            "test_loss_ref": REFERENCE,
            "test_skill": -difference / REFERENCE,
            "val_loss": [0.389, 0.381, 0.379, 0.384],
            "train_loss": [0.33, 0.32, 0.31, 0.29],
            "architecture": "d_model 32, 2 layers",
            "collapsed": [True, False, False, False],
            "run_ids": [tuple(f"run{cell}{seed}" for seed in range(3)) for cell in range(4)],
        }
    )


def make_finals() -> pd.DataFrame:
    rows = [
        {
            "run_id": f"run{cell}{seed}",
            "budget": budget,
            "n_params": SIZES[cell],
            "seed": 42 + seed,
            "val_loss": 0.38 + 0.001 * seed,
            "test_loss": REFERENCE + DIFFERENCE[cell],
            "difference": DIFFERENCE[cell] + 0.001 * (seed - 1),
        }
        for cell, budget in enumerate(["32K", "125K", "500K", "2M"])
        for seed in range(3)
    ]
    return pd.DataFrame(rows)


def make_report() -> Report:
    """Give an open report in which no model beats the reference."""
    cov = 0.002**2 * np.eye(4)
    baselines = pd.DataFrame(
        {
            "name": ["prior", "reference", "logistic"],
            "run_id": ["runprior", "runreference", "runlogistic"],
            "val_loss": [0.456, 0.3712, 0.368],
            "test_loss": [0.4213, REFERENCE, 0.3702],
        }
    )
    left_out = pd.DataFrame({"run_id": ["runbad"], "status": ["diverged"], "reason": ["NaN loss"]})
    return Report(
        title="Study demo",
        question="Does the loss fall with size?",
        verdict=verdict(Evidence(CONDITIONS, DIFFERENCE, cov, REFERENCE)),
        cells=make_cells(),
        baselines=baselines,
        finals=make_finals(),
        left_out=left_out,
        opening=1,
        exploratory=False,
        query="tags.`finscale.kind` = 'final'",
        links={"finals": "http://127.0.0.1:5000/#/experiments/0"},
        power_law=fit_power_law(SIZES, DIFFERENCE, cov=cov),
    )


def make_closed() -> Report:
    """Give a report whose test stays closed: the gate of seeds fires, test columns are absent."""
    gate = check_gates(replace(CONDITIONS, n_seeds=(2,) * 4))
    assert gate is not None
    return replace(
        make_report(),
        verdict=refuse(gate),
        cells=make_cells().drop(columns=TEST_COLUMNS),
        baselines=make_report().baselines[["name", "run_id", "val_loss"]],
        finals=make_finals().drop(columns=["test_loss", "difference"]),
        opening=None,
        power_law=None,
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
