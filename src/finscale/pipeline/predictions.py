"""``predictions.parquet``: one row a sample, the test's losses left null until it is opened."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.evaluation import bce_with_logits
from finscale.pipeline.problem import ProblemData
from finscale.tracking import Artifact, Run

VALIDATION, TEST = "validation", "test"


def evaluation_positions(data: ProblemData) -> NDArray[np.int64]:
    """Return the positions that every model and baseline forecasts: validation, then test."""
    return np.concatenate([data.fold.validation, data.fold.test])


def predictions_frame(data: ProblemData, outputs_N: NDArray[np.float64]) -> pd.DataFrame:
    """Join outputs at `evaluation_positions` with dates, labels and validation losses."""
    positions = evaluation_positions(data)
    n_validation = len(data.fold.validation)
    y = data.labels_T[positions]
    loss = bce_with_logits(y, outputs_N)
    loss[n_validation:] = np.nan  # a number nobody has seen cannot be selected on
    return pd.DataFrame(
        {
            "date": data.bars.index[positions],
            "ticker": data.problem.universe.target,
            "segment": np.where(np.arange(len(positions)) < n_validation, VALIDATION, TEST),
            "block": 0,
            "y": y,
            "output": outputs_N,
            "log_sigma": np.full(len(positions), np.nan),
            "loss": loss,
        }
    )


def log_predictions(run: Run, frame: pd.DataFrame) -> None:
    """Store the frame as the run's artifact."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Artifact.PREDICTIONS.value
        frame.to_parquet(path, index=False)
        run.file(path)


def part(frame: pd.DataFrame, segment: str) -> pd.DataFrame:
    """Return the rows of one segment, by date."""
    return frame[frame["segment"] == segment].set_index("date").sort_index()
