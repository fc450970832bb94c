"""Selection optimism: how much better the best trial of a search looks than it is."""

from __future__ import annotations

import numpy as np

from finscale.evaluation import selection_optimism
from finscale.tracking import (
    SELECTION_OPTIMISM,
    Run,
    Status,
    find_predictions,
    metric_of,
    trials,
)

SEED = 42


def ensure_optimism(parent: Run, n_finished: int, horizon: int) -> float | None:
    """Return the selection optimism of a search in nats a day. It is computed once and stored.

    Returns None if a trial has no stored predictions, as in stores of older versions.
    """
    stored = metric_of(parent.run_id, SELECTION_OPTIMISM)
    if stored and stored.step == n_finished:
        return stored.value
    frame = trials(parent=parent.run_id)
    ok = frame[frame["status"] == Status.OK]
    predictions = [find_predictions(run_id) for run_id in ok["run_id"]]
    losses = [frame["loss"].to_numpy() for frame in predictions if frame is not None]
    if not losses or len(losses) < len(ok):
        return None
    rng = np.random.default_rng(SEED)
    optimism = selection_optimism(np.stack(losses), horizon, rng)
    parent.metric({SELECTION_OPTIMISM: optimism}, step=n_finished)
    return optimism
