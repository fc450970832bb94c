"""Baselines of a problem, which a model has to beat. Each is computed once and has its own run.

Legend: `N` samples, `F` inputs, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from finscale.config import Problem, unbroken
from finscale.evaluation import BAYES, BOOSTING, LINEAR, LOGISTIC, PRIOR, REFERENCE
from finscale.market import planted_log_odds
from finscale.pipeline.problem.data import FoldData, ProblemData
from finscale.pipeline.problem.predictions import (
    Outputs,
    evaluation_positions,
    log_predictions,
    predictions_frame,
)
from finscale.pipeline.running import closing, one_at_a_time
from finscale.tracking import (
    VAL_LOSS,
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    find_result,
    fingerprint,
    score_metrics,
    study_tags,
)

_NOTES = {
    PRIOR: "The prior: the distribution of the training labels, as one forecast for every day.",
    REFERENCE: "The reference forecast: linear in past volatility and returns. "
    "Skill and paired differences of every model are measured against it.",
    LOGISTIC: "A logistic regression on the last bar's features.",
    LINEAR: "Mean and log volatility, linear in the last bar's features.",
    BOOSTING: "Histogram gradient boosting on the last bar's features.",
    BAYES: "The planted odds themselves: in the long run, no forecast has a lower loss.",
}


@dataclass(frozen=True)
class Baseline:
    """A baseline's run and its validation loss in nats."""

    name: str
    run_id: str
    val_loss: float


def ensure_baselines(data: ProblemData, study: str | None = None) -> dict[str, Baseline]:
    """Return the problem's baselines. Those that the store lacks are computed and logged."""
    found = _stored(data)
    if len(found) < len(_names(data.problem)):
        # Two searches of one problem that begin together need the same baselines.
        with one_at_a_time(data.problem.data_root, f"baselines of {data.problem.problem_name}"):
            found = _completed(data, study)
    return found


def _stored(data: ProblemData) -> dict[str, Baseline]:
    """Return the baselines that the store holds."""
    found: dict[str, Baseline] = {}
    for name in _names(data.problem):
        stored = find_result(Kind.BASELINE, _identity(data, name))
        if stored:
            loss = stored.data.metrics[VAL_LOSS]
            found[name] = Baseline(name, stored.info.run_id, loss)
    return found


def _completed(data: ProblemData, study: str | None) -> dict[str, Baseline]:
    """Return all baselines, the reference first. Missing ones are computed."""
    found = _stored(data)
    for name in _names(data.problem):
        if name not in found:
            reference = found[REFERENCE].val_loss if name != REFERENCE else None
            found[name] = _compute(data, name, _identity(data, name), reference, study)
    return found


def _identity(data: ProblemData, name: str) -> str:
    return fingerprint(Kind.BASELINE, name=name, **data.identity())


def _names(problem: Problem) -> tuple[str, ...]:
    """Return the names of a problem's baselines, the reference first."""
    task = problem.task
    names = (REFERENCE, PRIOR, LOGISTIC if task.is_binary else LINEAR, BOOSTING)
    # True odds are known only for the direction of the next bar.
    is_known = task.kind == "direction" and problem.horizon == 1 and task.shuffle is None
    return (*names, BAYES) if problem.universe.planted and is_known else names


@contextmanager
def baseline_run(
    data: ProblemData, name: str, title: str, identity: str, study: str | None
) -> Iterator[Run]:
    """Create a baseline's run with its full coordinates; the block must end the run.

    The block is short and a stop waits for its end, so the next command finds all of it or none.
    """
    tags = {**data.tags(), Tag.FINGERPRINT: identity, Tag.BASELINE: name}
    with unbroken():
        run = create_run(Kind.BASELINE, title, tags=tags | study_tags(study))
        with closing(run):
            run.param({**data.params(), "baseline": name})
            run.metric(data.sample_metrics())
            data.log_inputs(run)
            yield run


def log_forecast(
    run: Run, data: ProblemData, outputs: Sequence[Outputs], reference: float | None
) -> float:
    """Store a baseline's forecasts of all folds and its validation scores; return the loss.

    Parameters
    ----------
    reference : float, optional
        Validation loss of the reference; None for the reference itself.
    """
    from finscale.evaluation import score_outputs

    validation = data.folds[0].at.validation
    scores = score_outputs(data.labels_T[validation], outputs[0][: len(validation)])
    log_predictions(run, predictions_frame(data, outputs))
    run.metric(score_metrics("val", scores, scores.loss if reference is None else reference))
    return scores.loss


def _compute(
    data: ProblemData, name: str, identity: str, reference: float | None, study: str | None
) -> Baseline:
    outputs = [_forecast(data, fold, name) for fold in data.folds]
    title = f"{name} {data.problem.title}"
    with baseline_run(data, name, title, identity, study) as run:
        run.note(_NOTES[name])
        loss = log_forecast(run, data, outputs, reference)
        run.end(Status.OK, "completed")
    return Baseline(name, run.run_id, loss)


def _forecast(data: ProblemData, fold: FoldData, name: str) -> Outputs:
    """Fit on the fold's training samples; return outputs_NK at its evaluation positions.

    Prior and reference use the target only. The others train on the same samples as a model.
    """
    # Imported here, because most commands only look baselines up and do not need scipy.
    from finscale.evaluation import (
        choose_penalty,
        fit_boosted_gaussian,
        fit_boosting,
        fit_gaussian_prior,
        fit_linear_gaussian,
        fit_logit,
        fit_prior,
        reference_inputs,
    )

    is_binary = data.problem.task.is_binary
    ahead, horizon = evaluation_positions(fold.at), data.problem.horizon
    own = fold.at.train[fold.at.train < len(data.bars)]
    if name == BAYES:
        planted = data.problem.universe.planted
        assert planted is not None, "only planted odds are known"
        return planted_log_odds(data.bars, planted)[ahead, None]
    if name == PRIOR:
        y = data.labels_T[own]
        return (fit_prior if is_binary else fit_gaussian_prior)(y).outputs(ahead)
    fit_linear = fit_logit if is_binary else fit_linear_gaussian
    if name == REFERENCE:
        x_TF = reference_inputs(data.bars).to_numpy()
        return fit_linear(x_TF[own], data.labels_T[own]).outputs(x_TF[ahead])
    # Sorted by time, because the trees hold out the last part of the training samples.
    train = fold.at.train[np.argsort(data.dates_T[fold.at.train], kind="stable")]
    x_TC, y = fold.scaled(), data.labels_T[train]
    x_train, x_ahead = (x_TC[rows].astype(np.float64) for rows in (train, ahead))
    reach = horizon * data.n_tickers  # number of samples with overlapping labels
    if name == BOOSTING:
        fit_trees = fit_boosting if is_binary else fit_boosted_gaussian
        return fit_trees(x_train, y, reach).outputs(x_ahead)
    penalty = choose_penalty(fit_linear, x_train, y, reach)
    return fit_linear(x_train, y, penalty).outputs(x_ahead)
