"""Optuna's figures of a search, as pictures: they open offline and in MLflow's page alike."""

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
"""Trials in a figure that draws each in every dimension: the best ones."""


def search_pictures(study: Study) -> dict[str, bytes]:
    """Draw what a search has seen so far.

    Returns
    -------
    dict of str to bytes
        PNG by name: history, slice, parallel_coordinate and importances, or the Pareto front of
        two objectives; those that the finished trials are enough for.
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
    """Return the study, or one of its best trials alone where all would take minutes to draw."""
    if len(finished) <= MOST:
        return study
    best = optuna.create_study()
    best.add_trials(sorted(finished, key=lambda trial: trial.value or 0.0)[:MOST])
    return best


def _drawn(plot: Callable[[], Any], width: float) -> bytes:
    """Return a plot as PNG, so many inches wide; nothing of it stays open."""
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # of fonts and limits that Optuna sets twice
        figure = np.ravel(plot())[0].figure
        figure.set_size_inches(width, 4.5)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight")
    plt.close("all")
    return picture.getvalue()
