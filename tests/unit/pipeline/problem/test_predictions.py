"""The table of predictions: one row a sample, no loss where no choice may look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finscale.evaluation import gaussian_nll
from finscale.pipeline.problem.predictions import of_segment, predictions_frame, validation_frame
from finscale.tracking import TEST, VALIDATION, outputs_of

COLUMNS = ["date", "ticker", "segment", "block", "y", "output", "log_sigma", "loss"]
OUTPUTS_N1 = np.array([[0.0], [2.0], [-1.0], [0.5], [3.0]])


def problem(*folds: tuple[list[int], list[int]], n_outputs: int = 1) -> Any:
    """Seven bars; by default validation at 2 and 3, test at 4, 5 and 6."""
    index = pd.date_range("2024-01-01", periods=7, freq="D", unit="us")
    parts = [
        SimpleNamespace(at=SimpleNamespace(validation=np.array(before), test=np.array(ahead)))
        for before, ahead in folds or [([2, 3], [4, 5, 6])]
    ]
    universe, task = SimpleNamespace(target="^GSPC"), SimpleNamespace(n_outputs=n_outputs)
    return SimpleNamespace(
        bars=pd.DataFrame(index=index),
        labels_T=np.array([np.nan, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]),
        folds=parts,
        search=parts[0],
        problem=SimpleNamespace(universe=universe, task=task),
    )


def test_the_columns_are_those_of_the_contract() -> None:
    assert list(predictions_frame(problem(), [OUTPUTS_N1]).columns) == COLUMNS


def test_a_row_holds_its_own_day_label_and_output() -> None:
    frame = predictions_frame(problem(), [OUTPUTS_N1])
    assert list(frame["date"].dt.day) == [3, 4, 5, 6, 7]
    assert list(frame["segment"]) == [VALIDATION] * 2 + [TEST] * 3
    assert list(frame["y"]) == [0.0, 1.0, 1.0, 0.0, 1.0]
    assert list(frame["output"]) == list(OUTPUTS_N1[:, 0])
    assert set(frame["ticker"]) == {"^GSPC"} and set(frame["block"]) == {0}


def test_only_validation_rows_have_a_loss() -> None:
    frame = predictions_frame(problem(), [OUTPUTS_N1])
    expected = [np.log(2.0), np.log1p(np.exp(-2.0))]
    np.testing.assert_allclose(of_segment(frame, VALIDATION)["loss"], expected, rtol=1e-12)
    assert of_segment(frame, TEST)["loss"].isna().all()
    assert frame["log_sigma"].isna().all()


def test_validation_of_a_later_block_is_as_closed_as_the_test_days_it_lies_on() -> None:
    """Days 3 and 4 are the first block's test and the second one's validation."""
    two = problem(([1, 2], [3, 4]), ([3, 4], [5]))
    first, second = OUTPUTS_N1[:4], np.array([[9.0], [8.0], [7.0]])
    frame = predictions_frame(two, [first, second])
    assert list(frame["block"]) == [0, 0, 0, 0, 1, 1, 1]
    open_rows = frame[frame["loss"].notna()]
    assert list(open_rows["date"].dt.day) == [2, 3] and set(open_rows["block"]) == {0}
    assert list(of_segment(frame, TEST)["date"].dt.day) == [4, 5, 6]
    assert list(of_segment(frame, TEST)["output"]) == [-1.0, 0.5, 7.0]


def test_a_day_that_several_folds_forecast_has_a_row_of_each() -> None:
    twice = problem(([1], [4, 5]), ([2], [4, 5]))
    frame = predictions_frame(twice, [OUTPUTS_N1[:3], OUTPUTS_N1[2:]])
    test = of_segment(frame, TEST)
    assert list(test["date"].dt.day) == [5, 5, 6, 6] and list(test["block"]) == [0, 1, 0, 1]
    assert list(test["output"]) == [2.0, 0.5, -1.0, 3.0]


def test_a_return_forecast_keeps_mean_and_log_sigma() -> None:
    outputs_N2 = np.column_stack([OUTPUTS_N1, [-4.0, -4.5, -5.0, -5.5, -6.0]])
    frame = predictions_frame(problem(n_outputs=2), [outputs_N2])
    np.testing.assert_array_equal(outputs_of(frame), outputs_N2)
    expected = gaussian_nll([0.0, 1.0], outputs_N2[:2, 0], outputs_N2[:2, 1])
    np.testing.assert_allclose(of_segment(frame, VALIDATION)["loss"], expected, rtol=1e-12)


def test_a_trial_forecasts_validation_alone() -> None:
    frame = validation_frame(problem(), OUTPUTS_N1[:2])
    assert list(frame["date"].dt.day) == [3, 4] and set(frame["segment"]) == {VALIDATION}
    assert frame["loss"].notna().all()


@pytest.mark.parametrize("outputs", [[OUTPUTS_N1[:4]], [OUTPUTS_N1, OUTPUTS_N1]])
def test_outputs_of_other_samples_or_folds_cannot_be_joined(outputs: list[np.ndarray]) -> None:
    with pytest.raises(AssertionError):
        predictions_frame(problem(), outputs)


def test_a_part_is_ordered_by_date() -> None:
    backwards = predictions_frame(problem(), [OUTPUTS_N1]).iloc[::-1]
    assert list(of_segment(backwards, TEST)["output"]) == [-1.0, 0.5, 3.0]
