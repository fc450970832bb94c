"""Optuna's figures of a search as PNG pictures, which open offline and in the MLflow UI."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

from finscale.search.importance import MIN_TRIALS, SEED

_LOSS = "validation loss, nats"
DPI = 110
MOST = 200
"""Most trials in a figure that draws each trial in every dimension; only the best are drawn."""


def search_pictures(study: Study) -> dict[str, bytes]:
    """Draw the figures of a search.

    Returns
    -------
    dict of str to bytes
        PNG pictures by name: history, slice, parallel_coordinate and importances, or the Pareto
        front of two objectives; only those for which there are enough finished trials.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < 2:
        return {}
    if len(study.directions) > 1:
        names = ["validation loss, nats", "training, FLOPs"]
        return {
            "pareto_front": _drawn(lambda: plots.plot_pareto_front(study, target_names=names), 7)
        }
    best = _best_of(study, finished)
    n_dimensions = len(finished[0].params) + 1
    pictures = {
        "history": _drawn(lambda: plots.plot_optimization_history(study, target_name=_LOSS), 7),
        "slice": _drawn(lambda: plots.plot_slice(best, target_name=_LOSS), 2.4 * n_dimensions),
        "parallel_coordinate": _drawn(
            lambda: plots.plot_parallel_coordinate(best, target_name=_LOSS), 1.6 * n_dimensions
        ),
    }
    if len(finished) >= MIN_TRIALS and len({trial.value for trial in finished}) > 1:
        evaluator = FanovaImportanceEvaluator(seed=SEED)
        pictures["importances"] = _drawn(
            lambda: plots.plot_param_importances(best, evaluator=evaluator), 7
        )
    return pictures


def _best_of(study: Study, finished: Sequence[FrozenTrial]) -> Study:
    """Return the study, or a copy with its best trials only if all would take minutes to draw."""
    if len(finished) <= MOST:
        return study
    best = optuna.create_study()
    best.add_trials(sorted(finished, key=lambda trial: trial.value or 0.0)[:MOST])
    return best


def _drawn(plot: Callable[[], Any], width: float) -> bytes:
    """Return a plot as PNG of a width in inches, and close its figure."""
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # about fonts and limits that Optuna sets
        figure = np.ravel(plot())[0].figure
        figure.set_size_inches(width, 4.5)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight")
    plt.close("all")
    return picture.getvalue()
