"""``predictions.parquet``: one row per sample; losses are null where no choice may look.

Legend: `N` samples, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.dataset import Fold
from finscale.pipeline.problem.data import ProblemData
from finscale.tracking import TEST, VALIDATION, Artifact, Run

Outputs = NDArray[np.float64]


def evaluation_positions(fold: Fold) -> NDArray[np.int64]:
    """Return the positions that every model and baseline forecasts: validation, then test."""
    return np.concatenate([fold.validation, fold.test])


def predictions_frame(data: ProblemData, outputs: Sequence[Outputs]) -> pd.DataFrame:
    """Join each fold's outputs_NK at its `evaluation_positions` with dates, labels and losses.

    Losses are given only for the validation part of the first fold, which choices use. Validation
    days of a later block are test days of an earlier one and stay closed.
    """
    assert len(outputs) == len(data.folds), "outputs of every fold"
    parts: list[pd.DataFrame] = []
    for block, (fold, outputs_NK) in enumerate(zip(data.folds, outputs, strict=True)):
        n = len(fold.at.validation)
        parts.append(_rows(data, fold.at.validation, outputs_NK[:n], VALIDATION, block))
        parts.append(_rows(data, fold.at.test, outputs_NK[n:], TEST, block))
    return pd.concat(parts, ignore_index=True)


def validation_frame(data: ProblemData, outputs_NK: Outputs) -> pd.DataFrame:
    """Join a trial's outputs at the search's validation positions, its only forecasts."""
    return _rows(data, data.search.at.validation, outputs_NK, VALIDATION, 0)


def log_predictions(run: Run, frame: pd.DataFrame) -> None:
    """Store the frame as the run's artifact."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Artifact.PREDICTIONS.value
        frame.to_parquet(path, index=False)
        run.file(path)


def of_segment(frame: pd.DataFrame, segment: str) -> pd.DataFrame:
    """Return the rows of one segment, by date."""
    mine = frame[frame["segment"] == segment]
    return mine.sort_values(["date", "block"], ignore_index=True)


def _rows(
    data: ProblemData, positions: NDArray[np.int64], outputs_NK: Outputs, segment: str, block: int
) -> pd.DataFrame:
    from finscale.evaluation import sample_losses  # imports scipy, which positions do not need

    assert outputs_NK.shape == (len(positions), data.problem.task.n_outputs)
    y = data.labels_T[positions]
    unseen = np.full(len(positions), np.nan)
    is_open = segment == VALIDATION and block == 0
    return pd.DataFrame(
        {
            "date": data.bars.index[positions],
            "ticker": data.problem.universe.target,
            "segment": segment,
            "block": block,
            "y": y,
            "output": outputs_NK[:, 0],
            "log_sigma": outputs_NK[:, 1] if outputs_NK.shape[1] == 2 else unseen,
            # A number that is not stored cannot be selected on.
            "loss": sample_losses(y, outputs_NK) if is_open else unseen,
        }
    )
