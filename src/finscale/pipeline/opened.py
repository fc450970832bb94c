"""From forecasts to paired losses: what is read before the test is opened, and what after.

Legend: `J` cells, `S` seeds of a cell, `T` test days, `N` test samples, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import StoreError
from finscale.dataset import effective_size
from finscale.evaluation import conformal_multiplier, sample_losses, score_outputs
from finscale.pipeline.evidence import ProblemFinals, reference_of
from finscale.pipeline.notes import final_note
from finscale.pipeline.predictions import TEST, VALIDATION, outputs_of, part
from finscale.tracking import VAL_LOSS, Run, opened_metrics, read_predictions

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TestLosses:
    """Losses on the opened test, in nats.

    Attributes
    ----------
    differences : list of J arrays, shape (S_j, T)
        Each final's loss minus the reference's, day by day.
    baselines : dict of str to ndarray, shape (T,)
        The same of each baseline, by run id.
    reference_T : ndarray, shape (T,)
    metrics : dict of str to dict
        ``test_*`` metrics of each run, by run id.
    """

    differences: list[Floats]
    baselines: dict[str, Floats]
    reference_T: Floats
    metrics: dict[str, dict[str, float]]


def read_forecasts(problem: ProblemFinals) -> dict[str, pd.DataFrame]:
    """Read what finals and baselines said, by run id, and check that it can be paired.

    Looks at no loss: it is asked before the test is opened, so that a run which cannot be
    scored spends no opening.

    Raises
    ------
    StoreError
        Naming the run whose predictions are missing, damaged, not finite, or of other samples or
        labels than the reference's.
    """
    reference = read_predictions(reference_of(problem.baselines, problem.problem))
    forecasts: dict[str, pd.DataFrame] = {}
    for run_id in (*problem.baselines["run_id"], *problem.finals["run_id"]):
        forecasts[run_id] = read_predictions(run_id)
        for segment in (VALIDATION, TEST):
            _check_samples(run_id, part(forecasts[run_id], segment), part(reference, segment))
    return forecasts


def score_test(problem: ProblemFinals, forecasts: Mapping[str, pd.DataFrame]) -> TestLosses:
    """Compute what the test says. Only after its opening is on record."""
    reference_T = _losses_by_day(forecasts[reference_of(problem.baselines, problem.problem)])
    differences = {
        run_id: _losses_by_day(frame) - reference_T for run_id, frame in forecasts.items()
    }
    metrics: dict[str, dict[str, float]] = {}
    for run_id, frame in forecasts.items():
        test = part(frame, TEST)
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
    """Write the test's scores on finals and baselines, once, and in the finals' notes."""
    both = pd.concat([problem.finals, problem.baselines])[["run_id", "experiment_id"]]
    for run_id, experiment_id in both.itertuples(index=False):
        Run(run_id, experiment_id).metric_once(losses.metrics[run_id])
    for row in problem.finals.to_dict("records"):
        test = losses.metrics[row["run_id"]]
        Run(row["run_id"], row["experiment_id"]).note(
            final_note(
                row["cell"],
                row[VAL_LOSS],
                row["val_loss_ref"],
                test=(test["test_loss"], test["test_loss_ref"]),
            )
        )


def _losses_by_day(frame: pd.DataFrame) -> Floats:
    """Return the loss of every test day; where several models forecast a day, their mean."""
    test = part(frame, TEST)
    losses = pd.Series(sample_losses(test["y"], outputs_of(test)), index=test["date"])
    return np.asarray(losses.groupby(level=0).mean(), dtype=np.float64)


def _multipliers(frame: pd.DataFrame) -> Floats | None:
    """Return the half width of every test sample's interval: of its own block's validation."""
    test, validation = part(frame, TEST), part(frame, VALIDATION)
    if outputs_of(test).shape[1] == 1:
        return None
    of_block = {
        block: conformal_multiplier(rows["y"], rows["output"], rows["log_sigma"])
        for block, rows in validation.groupby("block")
    }
    return np.asarray(test["block"].map(of_block), dtype=np.float64)


def _check_samples(run_id: str, frame: pd.DataFrame, reference: pd.DataFrame) -> None:
    keys = ["date", "block", "y"]
    outputs = outputs_of(frame)
    if not frame[keys].equals(reference[keys]):
        other = "" if len(frame) != len(reference) else ", on other days or of other labels"
        got = f"{len(frame)} samples{other}"
    elif outputs.shape != outputs_of(reference).shape:
        got = f"{outputs.shape[1]} outputs a sample"
    elif not np.isfinite(outputs).all():
        got = f"{int((~np.isfinite(outputs)).any(axis=1).sum())} that are not finite"
    else:
        return
    raise StoreError(
        f"predictions of run {run_id}",
        expected=f"the reference's {len(reference)} samples and labels, a finite output for each",
        got=got,
        todo="Delete this run, then give the train command again.",
    )
