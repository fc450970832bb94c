"""Data of a problem: loads everything that its models, baselines and scores need.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import WHOLE, Floors, Problem
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
    most_recent,
    split,
)
from finscale.evaluation import fit_gaussian_prior
from finscale.model import LabelUnits
from finscale.pipeline.problem.preparation import load_inputs, log_dataset
from finscale.pipeline.problem.stack import Stack, TickerBars
from finscale.pipeline.running import Listen
from finscale.tracking import Run, Tag, problem_params, sample_metrics


@dataclass(frozen=True, eq=False)
class FoldData:
    """One fold of a problem. Its scalers and units are fitted on its own training rows.

    Attributes
    ----------
    at : Fold
        Positions of its samples. Those of pooled tickers, which are in the training part only,
        follow the target's.
    scaler : Scaler
        Scaler of the target's features, which a served model contains.
    units : LabelUnits
        Units of a return forecast.
    scaled : callable
        Returns the scaled inputs of all tickers, stacked, of shape (T, C), for training. The array
        is large if tickers are pooled, so it is made on demand.
    """

    at: Fold
    scaler: Scaler
    units: LabelUnits
    scaled: Callable[[], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class ProblemData:
    """A problem with its data.

    Attributes
    ----------
    inputs : PreparedInputs
        The target's bars and the stationary, unscaled features, which a served model takes.
    labels_T, dates_T : ndarray, shape (T,)
        Labels and dates of every bar: the target's, then those of pooled tickers.
    folds : tuple of FoldData
        Folds that finals and baselines forecast, each with a model of its own.
    search : FoldData
        Fold that a search trains and selects on. No choice sees other days.
    """

    problem: Problem
    inputs: PreparedInputs
    labels_T: NDArray[np.float64]
    dates_T: NDArray[np.datetime64]
    folds: tuple[FoldData, ...]
    search: FoldData

    @property
    def bars(self) -> pd.DataFrame:
        """The target's bars in the problem's timescale."""
        return self.inputs.bars

    @property
    def n_channels(self) -> int:
        """Number of channels C."""
        return self.inputs.frame.shape[1]

    @property
    def n_tickers(self) -> int:
        """Number of tickers whose bars are stacked."""
        return 1 + len(self.inputs.pool)

    def identity(self) -> dict[str, Any]:
        """Return the values of data, label and split that are part of a fingerprint.

        Values of None are left out: dates that only another split uses, and the kind of task that
        was once the only one.
        """
        problem, universe = self.problem, self.problem.universe
        by_date = problem.split == "chronological"
        forward = problem.split == "walk-forward" and universe.evaluation_start
        return {
            "problem": problem.problem_name,
            "dataset_sha256": self.inputs.dataset_sha256,
            # The digest of pooled data is the same for every target; that of one ticker is not.
            "target": universe.target if self.inputs.pool else None,
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
        """Return the tags that identify the data behind a result."""
        return {
            Tag.PROBLEM: self.problem.problem_name,
            Tag.DATA_SHA256: self.inputs.data_sha256,
            Tag.DATASET_SHA256: self.inputs.dataset_sha256,
            Tag.LABEL_VERSION: LABEL_VERSION,
        }

    def sample_metrics(self) -> dict[str, float]:
        """Return sizes and base rates of training and validation, the parts that a choice sees."""
        at, labels_T = self.search.at, self.labels_T
        return sample_metrics(
            train=labels_T[at.train],
            validation=labels_T[at.validation],
            n_val_effective=effective_size(len(at.validation), self.problem.horizon),
            is_binary=self.problem.task.is_binary,
        )

    def log_inputs(self, run: Run) -> None:
        """Record the dataset as the run's input."""
        log_dataset(run, self.problem, self.inputs)


def load_problem(problem: Problem, floors: Floors, listen: Listen) -> ProblemData:
    """Load the data of a problem. Missing data are fetched and built, with a message.

    Raises
    ------
    DataError
        If the data cannot be fetched or do not match the manifest.
    RefusedError
        If a part is below a floor.
    """
    inputs = load_inputs(problem, listen)
    stack = Stack(
        (
            _ticker(problem, inputs.bars, lambda: inputs.frame),
            *(_ticker(problem, other.bars, other.read) for other in inputs.pool),
        )
    )
    made = _split(problem, inputs.bars)
    own = stack.tickers[0].labels
    check_floors(made, own, problem.horizon, floors, is_binary=problem.task.is_binary)
    folds, search = _folds(problem, made, inputs, stack)
    return ProblemData(problem, inputs, stack.labels(), stack.dates(), folds, search)


def _ticker(problem: Problem, bars: pd.DataFrame, read: Callable[[], pd.DataFrame]) -> TickerBars:
    labels = make_labels(bars, problem.task, problem.horizon, problem.price)
    index = bars.index
    assert isinstance(index, pd.DatetimeIndex)
    return TickerBars(index, np.asarray(labels, dtype=np.float64), read)


def _folds(
    problem: Problem, made: Split, inputs: PreparedInputs, stack: Stack
) -> tuple[tuple[FoldData, ...], FoldData]:
    """Return the folds of the split and the fold of the search, which may be one of them."""
    first, labels_T = _first_position(problem), stack.labels()
    is_whole = problem.training_share == WHOLE
    rows = cache(lambda at: stack.training_rows(at, problem.horizon, first, is_whole=is_whole))
    # A pooled stack is large, so only the last one is cached.
    scaled = lru_cache(maxsize=1)(lambda at: stack.scaled(rows(at)))

    @cache
    def fold_data(at: Fold) -> FoldData:
        joined = stack.joined(at, rows(at))
        scaler = fit_scaler(inputs.frame, at.train)
        units = _units(problem, labels_T[joined.train])
        return FoldData(joined, scaler, units, partial(scaled, at))

    return tuple(fold_data(at) for at in made.folds), fold_data(made.search)


def _first_position(problem: Problem) -> int:
    return first_position(
        problem.feature_tier, problem.context_length, timescale=problem.timescale, vix=problem.vix
    )


def _split(problem: Problem, bars: pd.DataFrame) -> Split:
    index = bars.index
    assert isinstance(index, pd.DatetimeIndex)
    made = split(
        index,
        problem.horizon,
        first_position=_first_position(problem),
        train_end=problem.universe.train_end,
        validation_end=problem.universe.validation_end,
        kind=problem.split,
        evaluation_start=problem.universe.evaluation_start,
        n_blocks=problem.n_blocks,
        context_length=problem.context_length,
        samples_per_chunk=problem.samples_per_chunk,
    )
    return most_recent(made, problem.training_share)


def _units(problem: Problem, labels_N: NDArray[np.float64]) -> LabelUnits:
    if problem.task.is_binary:
        return LabelUnits()
    prior = fit_gaussian_prior(labels_N)
    return LabelUnits(prior.mean, math.exp(prior.log_sigma))
