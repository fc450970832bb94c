"""The MLflow store: every name of the contract, writing runs, reading them as tidy frames."""

from finscale.tracking.client import store_address, unbroken
from finscale.tracking.frames import runs_frame
from finscale.tracking.inputs import log_inputs
from finscale.tracking.lease import other_holder
from finscale.tracking.ledger import Opening, Question, finals_sha256, open_tests, test_openings
from finscale.tracking.metrics import (
    cost_metrics,
    opened_metrics,
    sample_metrics,
    score_metrics,
    size_metrics,
    verdict_metrics,
)
from finscale.tracking.names import (
    N_PARAMS,
    SELECTION_OPTIMISM,
    TRAIN_FLOPS,
    VAL_LOSS,
    Artifact,
    Kind,
    Selected,
    Status,
    Tag,
    curve,
    fingerprint,
    problem_params,
    registered_model_name,
)
from finscale.tracking.paired import losses_by_day, paired_losses
from finscale.tracking.query import (
    baselines,
    cells,
    finals,
    find_predictions,
    find_result,
    load_trial,
    metric_of,
    read_predictions,
    searches,
    trials,
    val_curve,
)
from finscale.tracking.registry import Candidate, Promotion, promote
from finscale.tracking.runs import Run, create_run, handle, read_text, search, where
from finscale.tracking.verb import StoppedError, VerbRun, close_abandoned, mark_failed, verb_run
from finscale.tracking.weights import log_weights, remove_weights

__all__ = [
    "N_PARAMS",
    "SELECTION_OPTIMISM",
    "TRAIN_FLOPS",
    "VAL_LOSS",
    "Artifact",
    "Candidate",
    "Kind",
    "Opening",
    "Promotion",
    "Question",
    "Run",
    "Selected",
    "Status",
    "StoppedError",
    "Tag",
    "VerbRun",
    "baselines",
    "cells",
    "close_abandoned",
    "cost_metrics",
    "create_run",
    "curve",
    "finals",
    "finals_sha256",
    "find_predictions",
    "find_result",
    "fingerprint",
    "handle",
    "load_trial",
    "log_inputs",
    "log_weights",
    "losses_by_day",
    "mark_failed",
    "metric_of",
    "open_tests",
    "opened_metrics",
    "other_holder",
    "paired_losses",
    "problem_params",
    "promote",
    "read_predictions",
    "read_text",
    "registered_model_name",
    "remove_weights",
    "runs_frame",
    "sample_metrics",
    "score_metrics",
    "search",
    "searches",
    "size_metrics",
    "store_address",
    "test_openings",
    "trials",
    "unbroken",
    "val_curve",
    "verb_run",
    "verdict_metrics",
    "where",
]
