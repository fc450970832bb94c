"""From a problem's coordinates to everything its models, baselines and scores need.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import Floors, Problem
from finscale.dataset import (
    LABEL_VERSION,
    Fold,
    PreparedInputs,
    Scaler,
    check_floors,
    effective_size,
    first_position,
    fit_scaler,
    make_labels,
    prepare_inputs,
    split,
)
from finscale.market import is_prepared, load_bars, prepare_raw
from finscale.pipeline.progress import Line, Listen
from finscale.tracking import Run, Tag, log_inputs, problem_params, sample_metrics


@dataclass(frozen=True, eq=False)
class ProblemData:
    """A problem with its data.

    Attributes
    ----------
    bars : DataFrame, shape (T, 5)
    inputs : PreparedInputs
        Stationary features, unscaled: what a served model takes.
    scaled_TC : ndarray of float32, shape (T, C)
        The same, scaled on training rows: what a model is trained on.
    labels_T : ndarray of float64, shape (T,)
    """

    problem: Problem
    bars: pd.DataFrame
    inputs: PreparedInputs
    scaler: Scaler
    scaled_TC: NDArray[np.float32]
    labels_T: NDArray[np.float64]
    fold: Fold

    @property
    def n_channels(self) -> int:
        """Number of channels C."""
        return self.inputs.frame.shape[1]

    def identity(self) -> dict[str, Any]:
        """Return what a fingerprint must hold of the data, the label and the split."""
        return {
            "problem": self.problem.problem_name,
            "dataset_sha256": self.inputs.dataset_sha256,
            "label_version": LABEL_VERSION,
            "rise": self.problem.task.rise,
            "train_end": self.problem.universe.train_end.isoformat(),
            "validation_end": self.problem.universe.validation_end.isoformat(),
        }

    def params(self) -> dict[str, Any]:
        """Return the coordinates that every run repeats."""
        return problem_params(self.problem, self.n_channels)

    def tags(self) -> dict[str, str]:
        """Return the tags that say what a result was computed from."""
        return {
            Tag.PROBLEM: self.problem.problem_name,
            Tag.DATA_SHA256: self.inputs.data_sha256,
            Tag.DATASET_SHA256: self.inputs.dataset_sha256,
            Tag.LABEL_VERSION: LABEL_VERSION,
        }

    def sample_metrics(self) -> dict[str, float]:
        """Return the sample sizes of training and validation."""
        n_val = len(self.fold.validation)
        return sample_metrics(
            n_train=len(self.fold.train),
            n_val=n_val,
            n_val_positive=int(self.labels_T[self.fold.validation].sum()),
            n_val_effective=effective_size(n_val, self.problem.horizon),
        )

    def log_inputs(self, run: Run) -> None:
        """Record the dataset as the run's input."""
        name = f"{self.problem.universe.name}-{self.problem.timescale}-{self.problem.feature_tier}"
        log_inputs(
            run,
            name=name,
            sha256=self.inputs.dataset_sha256,
            source=str(self.inputs.path),
            contexts=("training", "validation"),
        )


def load_problem(problem: Problem, floors: Floors, listen: Listen) -> ProblemData:
    """Load a problem's data; fetch and build what is not there yet, and say so.

    Raises
    ------
    DataError
        If the data cannot be had or is not what the manifest says.
    RefusedError
        If a part lies below a floor.
    """
    universe, root = problem.universe, problem.data_root
    now = datetime.now(UTC)
    if not is_prepared(universe, root):
        listen(Line(f"Data of {universe.name} is not there yet: preparing it first."))
        prepare_raw(universe, root, now=now)
    bars = load_bars(universe, root)
    inputs = prepare_inputs(universe, problem.feature_tier, problem.timescale, root, now=now)
    labels_T = np.asarray(make_labels(bars, problem.task, problem.horizon), dtype=np.float64)
    index = bars.index
    assert isinstance(index, pd.DatetimeIndex)
    fold = split(
        index,
        problem.horizon,
        first_position=first_position(problem.feature_tier, problem.context_length),
        train_end=universe.train_end,
        validation_end=universe.validation_end,
    ).folds[0]
    check_floors(fold, labels_T, problem.horizon, floors)
    scaler = fit_scaler(inputs.frame, fold.train)
    scaled_TC = scaler.transform(inputs.frame.to_numpy())
    return ProblemData(problem, bars, inputs, scaler, scaled_TC, labels_T, fold)
