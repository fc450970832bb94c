"""The table of predictions: one row a sample, the test's losses unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from finscale.pipeline.predictions import TEST, VALIDATION, part, predictions_frame

COLUMNS = ["date", "ticker", "segment", "block", "y", "output", "log_sigma", "loss"]
OUTPUTS_N = np.array([0.0, 2.0, -1.0, 0.5, 3.0])


def problem() -> Any:
    """Seven bars; validation at 2 and 3, test at 4, 5 and 6."""
    index = pd.date_range("2024-01-01", periods=7, freq="D", unit="us")
    return SimpleNamespace(
        bars=pd.DataFrame(index=index),
        labels_T=np.array([np.nan, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]),
        fold=SimpleNamespace(validation=np.array([2, 3]), test=np.array([4, 5, 6])),
        problem=SimpleNamespace(universe=SimpleNamespace(target="^GSPC")),
    )


def test_the_columns_are_those_of_the_contract() -> None:
    assert list(predictions_frame(problem(), OUTPUTS_N).columns) == COLUMNS


def test_a_row_holds_its_own_day_label_and_output() -> None:
    frame = predictions_frame(problem(), OUTPUTS_N)
    assert list(frame["date"].dt.day) == [3, 4, 5, 6, 7]
    assert list(frame["segment"]) == [VALIDATION] * 2 + [TEST] * 3
    assert list(frame["y"]) == [0.0, 1.0, 1.0, 0.0, 1.0]
    assert list(frame["output"]) == list(OUTPUTS_N)
    assert set(frame["ticker"]) == {"^GSPC"} and set(frame["block"]) == {0}


def test_only_validation_rows_have_a_loss() -> None:
    frame = predictions_frame(problem(), OUTPUTS_N)
    expected = [np.log(2.0), np.log1p(np.exp(-2.0))]
    np.testing.assert_allclose(part(frame, VALIDATION)["loss"], expected, rtol=1e-12)
    assert part(frame, TEST)["loss"].isna().all()
    assert frame["log_sigma"].isna().all()


def test_a_part_is_ordered_by_date() -> None:
    backwards = predictions_frame(problem(), OUTPUTS_N).iloc[::-1]
    assert list(part(backwards, TEST)["output"]) == [-1.0, 0.5, 3.0]
