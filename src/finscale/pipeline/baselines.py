"""Baselines of a problem: what a model has to beat, as runs of their own, each computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finscale.evaluation import fit_logit, fit_prior, reference_inputs, score
from finscale.pipeline.predictions import evaluation_positions, log_predictions, predictions_frame
from finscale.pipeline.problem import ProblemData
from finscale.tracking import (
    VAL_LOSS,
    Kind,
    Status,
    Tag,
    create_run,
    find_result,
    fingerprint,
    score_metrics,
    unbroken,
)

PRIOR, REFERENCE, LOGISTIC = "prior", "reference", "logistic"

_NOTES = {
    PRIOR: "The class prior: the share of ones in training, said every day.",
    REFERENCE: "The reference forecast: a logit on past volatility and returns. "
    "Skill and paired differences of every model are measured against it.",
    LOGISTIC: "A logistic regression on the last bar's features.",
}


@dataclass(frozen=True)
class Baseline:
    """A baseline's run and its validation loss in nats."""

    name: str
    run_id: str
    val_loss: float


def ensure_baselines(data: ProblemData, study: str | None = None) -> dict[str, Baseline]:
    """Return the problem's baselines; compute and log those that the store does not hold."""
    found: dict[str, Baseline] = {}
    for name in (REFERENCE, PRIOR, LOGISTIC):
        identity = fingerprint(Kind.BASELINE, name=name, **data.identity())
        stored = find_result(Kind.BASELINE, identity)
        if stored is None:
            reference = found[REFERENCE].val_loss if name != REFERENCE else None
            found[name] = _log_baseline(data, name, identity, reference, study)
        else:
            loss = stored.data.metrics[VAL_LOSS]
            found[name] = Baseline(name, stored.info.run_id, loss)
    return found


def _log_baseline(
    data: ProblemData, name: str, identity: str, reference: float | None, study: str | None
) -> Baseline:
    outputs_N = _fit(data, name)
    frame = predictions_frame(data, outputs_N)
    n = len(data.fold.validation)
    scores = score(data.labels_T[data.fold.validation], outputs_N[:n])
    with unbroken():  # a moment: the next command finds all of it or nothing
        run = create_run(
            Kind.BASELINE,
            f"{name} {data.problem.problem_name}",
            tags={Tag.FINGERPRINT: identity, Tag.BASELINE: name, **_study(study), **data.tags()},
        )
        run.param({**data.params(), "baseline": name})
        data.log_inputs(run)
        run.note(_NOTES[name])
        log_predictions(run, frame)
        run.metric(
            {
                **score_metrics("val", scores, reference if reference is not None else scores.loss),
                **data.sample_metrics(),
            }
        )
        run.end(Status.OK, "completed")
    return Baseline(name, run.run_id, scores.loss)


def _fit(data: ProblemData, name: str) -> NDArray[np.float64]:
    """Fit on training samples; return logits at the evaluation positions."""
    train, ahead = data.fold.train, evaluation_positions(data)
    y = data.labels_T[train]
    if name == PRIOR:
        return fit_prior(y).logits(ahead)
    if name == REFERENCE:
        x_TF = reference_inputs(data.bars).to_numpy()
    else:
        x_TF = data.scaled_TC.astype(np.float64)
    return fit_logit(x_TF[train], y).logits(x_TF[ahead])


def _study(study: str | None) -> dict[str, str]:
    return {Tag.STUDY: study} if study else {}
