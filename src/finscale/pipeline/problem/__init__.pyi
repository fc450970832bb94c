from .baselines import (
    baseline_run,
    ensure_baselines,
    log_forecast,
)
from .data import FoldData, ProblemData, load_problem
from .fitting import (
    Trained,
    collapse_tag,
    fit_network,
    log_config,
    outputs_at,
    result_metrics,
    serve_predictions,
    served,
    store_weights,
    train_model,
    unscaled_samples,
)
from .identity import finals_identity, search_identity, study_identity, targets_of, train_identity
from .page import data_lines, ensure_page, record_page
from .predictions import (
    Outputs,
    evaluation_positions,
    log_predictions,
    of_segment,
    predictions_frame,
    validation_frame,
)
from .preparation import fetch, load_inputs
from .recipe import Recipe, architecture_name, from_params, patch_stride, rows, shape_name
from .sentences import against_reference, final_note

__all__ = [
    "FoldData",
    "Outputs",
    "ProblemData",
    "Recipe",
    "Trained",
    "against_reference",
    "architecture_name",
    "baseline_run",
    "collapse_tag",
    "data_lines",
    "ensure_baselines",
    "ensure_page",
    "evaluation_positions",
    "fetch",
    "final_note",
    "finals_identity",
    "fit_network",
    "from_params",
    "load_inputs",
    "load_problem",
    "log_config",
    "log_forecast",
    "log_predictions",
    "of_segment",
    "outputs_at",
    "patch_stride",
    "predictions_frame",
    "record_page",
    "result_metrics",
    "rows",
    "search_identity",
    "serve_predictions",
    "served",
    "shape_name",
    "store_weights",
    "study_identity",
    "targets_of",
    "train_identity",
    "train_model",
    "unscaled_samples",
    "validation_frame",
]
