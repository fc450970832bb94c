"""From a problem's coordinates to everything its models, baselines and scores need.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

import math
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
    Split,
    check_floors,
    effective_size,
    first_position,
    fit_scaler,
    make_labels,
    prepare_inputs,
    split,
)
from finscale.evaluation import fit_gaussian_prior
from finscale.market import is_prepared, load_bars, prepare_raw
from finscale.model import LabelUnits
from finscale.pipeline.progress import Line, Listen
from finscale.tracking import Run, Tag, log_inputs, problem_params, sample_metrics


@dataclass(frozen=True, eq=False)
class FoldData:
    """One fold of a problem: everything in it is fitted on its own training rows.

    Attributes
    ----------
    at : Fold
        Positions of its samples.
    scaled_TC : ndarray of float32, shape (T, C)
        The problem's inputs, scaled: what a model is trained on.
    units : LabelUnits
        Of a return forecast.
    """

    at: Fold
    scaler: Scaler
    scaled_TC: NDArray[np.float32]
    units: LabelUnits


@dataclass(frozen=True, eq=False)
class ProblemData:
    """A problem with its data.

    Attributes
    ----------
    bars : DataFrame, shape (T, 5)
    inputs : PreparedInputs
        Stationary features, unscaled: what a served model takes.
    labels_T : ndarray of float64, shape (T,)
    folds : tuple of FoldData
        What finals and baselines forecast, each from a model of its own.
    search : FoldData
        What a search trains and selects on: no choice sees another day.
    """

    problem: Problem
    bars: pd.DataFrame
    inputs: PreparedInputs
    labels_T: NDArray[np.float64]
    folds: tuple[FoldData, ...]
    search: FoldData

    @property
    def n_channels(self) -> int:
        """Number of channels C."""
        return self.inputs.frame.shape[1]

    def identity(self) -> dict[str, Any]:
        """Return what a fingerprint must hold of the data, the label and the split.

        What is None is no part of it: the day that another split looks at, the kind of the task
        that was the only one once.
        """
        problem, universe = self.problem, self.problem.universe
        by_date = problem.split == "chronological"
        forward = problem.split == "walk-forward" and universe.evaluation_start
        return {
            "problem": problem.problem_name,
            "dataset_sha256": self.inputs.dataset_sha256,
            "label_version": LABEL_VERSION,
            "task_kind": None if problem.task.kind == "threshold" else problem.task.kind,
            "rise": problem.task.rise,
            "shuffle": problem.task.shuffle,
            "train_end": universe.train_end.isoformat() if by_date else None,
            "validation_end": universe.validation_end.isoformat() if by_date else None,
            "evaluation_start": forward.isoformat() if forward else None,
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
        """Return sizes and base rates of what a choice sees: training and validation."""
        at, labels_T = self.search.at, self.labels_T
        return sample_metrics(
            train=labels_T[at.train],
            validation=labels_T[at.validation],
            n_val_effective=effective_size(len(at.validation), self.problem.horizon),
            is_binary=self.problem.task.is_binary,
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
    labels = make_labels(bars, problem.task, problem.horizon, problem.price)
    labels_T = np.asarray(labels, dtype=np.float64)
    made = _split(problem, bars)
    check_floors(made, labels_T, problem.horizon, floors, is_binary=problem.task.is_binary)

    def fold_data(at: Fold) -> FoldData:
        scaler = fit_scaler(inputs.frame, at.train)
        scaled_TC = scaler.transform(inputs.frame.to_numpy())
        return FoldData(at, scaler, scaled_TC, _units(problem, labels_T[at.train]))

    folds = tuple(fold_data(at) for at in made.folds)
    return ProblemData(problem, bars, inputs, labels_T, folds, fold_data(made.search))


def _split(problem: Problem, bars: pd.DataFrame) -> Split:
    index = bars.index
    assert isinstance(index, pd.DatetimeIndex)
    return split(
        index,
        problem.horizon,
        first_position=first_position(problem.feature_tier, problem.context_length),
        train_end=problem.universe.train_end,
        validation_end=problem.universe.validation_end,
        kind=problem.split,
        evaluation_start=problem.universe.evaluation_start,
        n_blocks=problem.n_blocks,
        context_length=problem.context_length,
        samples_per_chunk=problem.samples_per_chunk,
    )


def _units(problem: Problem, labels_N: NDArray[np.float64]) -> LabelUnits:
    if problem.task.is_binary:
        return LabelUnits()
    prior = fit_gaussian_prior(labels_N)
    return LabelUnits(prior.mean, math.exp(prior.log_sigma))
