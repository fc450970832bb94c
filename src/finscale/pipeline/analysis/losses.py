"""Paired losses: reads and checks forecasts before the test is opened, and scores them after.

Legend: `J` cells, `S` seeds of a cell, `T` test days, `N` test samples, `K` outputs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import StoreError
from finscale.dataset import effective_size
from finscale.evaluation import conformal_multiplier, sample_losses, score_outputs
from finscale.pipeline.analysis.problem_finals import ProblemFinals, reference_of
from finscale.pipeline.problem import final_note, of_segment
from finscale.tracking import (
    TEST,
    VAL_LOSS,
    VALIDATION,
    Run,
    losses_by_day,
    opened_metrics,
    outputs_of,
    read_predictions,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TestLosses:
    """Losses on the opened test set, in nats.

    Attributes
    ----------
    differences : list of J arrays, shape (S_j, T)
        Each final's loss minus the reference's, by day.
    baselines : dict of str to ndarray, shape (T,)
        Each baseline's loss minus the reference's, by run id.
    reference_T : ndarray, shape (T,)
        The reference's loss by day.
    metrics : dict of str to dict
        ``test_*`` metrics of each run, by run id.
    """

    differences: list[Floats]
    baselines: dict[str, Floats]
    reference_T: Floats
    metrics: dict[str, dict[str, float]]


def read_forecasts(problem: ProblemFinals) -> dict[str, pd.DataFrame]:
    """Read the forecasts of finals and baselines by run id and check that they can be paired.

    It looks at no test loss. It runs before the test set is opened, so that a run which cannot
    be scored does not use up an opening.

    Raises
    ------
    StoreError
        If a run's predictions are missing, damaged, not finite, do not match its stored losses,
        or cover other samples or labels than those of most runs. The error names the run.
    """
    run_ids = (*problem.baselines["run_id"], *problem.finals["run_id"])
    forecasts = {run_id: read_predictions(run_id) for run_id in run_ids}
    # The majority of the runs decides, so that one damaged reference does not reject all others.
    samples = {run_id: _samples(frame) for run_id, frame in forecasts.items()}
    (usual, _), *_ = Counter(samples.values()).most_common(1)
    (shape, _), *_ = Counter(_n_outputs(frame) for frame in forecasts.values()).most_common(1)
    for run_id, frame in forecasts.items():
        got = _what_is_wrong(frame, is_usual=samples[run_id] == usual, n_outputs=shape)
        if got:
            raise StoreError(
                f"predictions of run {run_id}",
                expected="the samples and labels of the other runs, with finite outputs, as scored",
                got=got,
                todo="Delete this run, then give the train command again.",
            )
    return forecasts


def score_test(problem: ProblemFinals, forecasts: Mapping[str, pd.DataFrame]) -> TestLosses:
    """Compute losses and metrics on the test set. Call it only after the opening is recorded."""
    reference_T = _losses_by_day(forecasts[reference_of(problem.baselines, problem.problem)])
    differences = {
        run_id: _losses_by_day(frame) - reference_T for run_id, frame in forecasts.items()
    }
    metrics: dict[str, dict[str, float]] = {}
    for run_id, frame in forecasts.items():
        test = of_segment(frame, TEST)
        metrics[run_id] = opened_metrics(
            score_outputs(test["y"], outputs_of(test), _multipliers(frame)),
            float(reference_T.mean()),
            labels=test["y"].to_numpy(),
            n_days=len(reference_T),
            n_effective=effective_size(len(reference_T), problem.horizon, differences[run_id]),
        )
    return TestLosses(
        differences=[
            np.stack([differences[run_id] for run_id in group["run_id"]])
            for _, group in problem.finals.groupby("cell", sort=False)
        ],
        baselines={run_id: differences[run_id] for run_id in problem.baselines["run_id"]},
        reference_T=reference_T,
        metrics=metrics,
    )


def log_test_metrics(problem: ProblemFinals, losses: TestLosses) -> None:
    """Log the test metrics of finals and baselines once, and add them to the finals' notes."""
    both = pd.concat([problem.finals, problem.baselines])[["run_id", "experiment_id"]]
    for run_id, experiment_id in both.itertuples(index=False):
        Run(run_id, experiment_id).metric_once(losses.metrics[run_id])
    for row in problem.finals.to_dict("records"):
        test = losses.metrics[row["run_id"]]
        Run(row["run_id"], row["experiment_id"]).note(
            final_note(
                row["trained_by"],
                row[VAL_LOSS],
                row["val_loss_ref"],
                test=(test["test_loss"], test["test_loss_ref"]),
            )
        )


def _losses_by_day(frame: pd.DataFrame) -> Floats:
    """Return the loss of every test day; the mean if several models forecast a day."""
    return np.asarray(losses_by_day(frame, TEST), dtype=np.float64)


def _multipliers(frame: pd.DataFrame) -> Floats | None:
    """Return the conformal multiplier of each test sample, from its own block's validation."""
    test, validation = of_segment(frame, TEST), of_segment(frame, VALIDATION)
    if outputs_of(test).shape[1] == 1:
        return None
    of_block = {
        block: conformal_multiplier(rows["y"], rows["output"], rows["log_sigma"])
        for block, rows in validation.groupby("block")
    }
    return np.asarray(test["block"].map(of_block), dtype=np.float64)


def _samples(frame: pd.DataFrame) -> bytes:
    """Return a digest of the samples and labels of a run, independent of the order of the rows."""
    parts = [of_segment(frame, segment) for segment in (VALIDATION, TEST)]
    keys = pd.concat(parts)[["ticker", "segment", "date", "block", "y"]]
    return hashlib.sha256(
        pd.util.hash_pandas_object(keys, index=False).to_numpy().tobytes()
    ).digest()


def _n_outputs(frame: pd.DataFrame) -> int:
    return int(outputs_of(frame).shape[1])


def _what_is_wrong(frame: pd.DataFrame, *, is_usual: bool, n_outputs: int) -> str:
    """Return why a run's predictions cannot be paired with the others; empty if they can."""
    if not is_usual:
        n_days = frame["date"].nunique()
        return f"{len(frame)} samples on {n_days} days, with other samples or labels"
    outputs_NK = outputs_of(frame)
    n_bad = int((~np.isfinite(outputs_NK)).any(axis=1).sum())
    if outputs_NK.shape[1] != n_outputs or n_bad:
        return f"{outputs_NK.shape[1]} outputs a sample, {n_bad} of them not finite"
    seen = frame["loss"].notna()
    losses = sample_losses(frame["y"][seen], outputs_NK[seen])
    if not np.allclose(losses, frame["loss"][seen], rtol=1e-6, atol=1e-9):
        return "outputs that do not match the stored losses"
    return ""
