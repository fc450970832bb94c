"""Metrics of results: one function for each group of metric names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finscale.model import Architecture, count_params
from finscale.tracking.names import N_PARAMS, TRAIN_FLOPS

if TYPE_CHECKING:
    from finscale.evaluation import RegressionScores, Scores

Floats = NDArray[np.float64]


def score_metrics(
    part: str, scores: Scores | RegressionScores, reference_loss: float
) -> dict[str, float]:
    """Return the scores of a part as metrics with its prefix, `val` or `test`."""
    from finscale.evaluation import RegressionScores, skill_of  # imports scipy

    common = {
        f"{part}_loss": scores.loss,
        f"{part}_loss_ref": reference_loss,
        f"{part}_skill": skill_of(scores, reference_loss),
        f"{part}_pred_std": scores.pred_std,
    }
    if isinstance(scores, RegressionScores):
        return common | {
            f"{part}_mae": scores.mae,
            f"{part}_rmse": scores.rmse,
            f"{part}_coverage": scores.coverage,
            f"{part}_interval_width": scores.width,
        }
    return common | {
        f"{part}_auc": scores.auc,
        f"{part}_brier": scores.brier,
        f"{part}_accuracy": scores.accuracy,
        f"{part}_precision": scores.precision,
        f"{part}_recall": scores.recall,
        f"{part}_f1": scores.f1,
        f"{part}_ece": scores.ece,
    }


def opened_metrics(
    scores: Scores | RegressionScores,
    reference_loss: float,
    *,
    labels: Floats,
    n_days: int,
    n_effective: int,
) -> dict[str, float]:
    """Return the metrics that a run logs after the test set is opened.

    Parameters
    ----------
    labels : ndarray, shape (N,)
        Labels of the test samples.
    n_days, n_effective : int
        Number of days forecast, and of independent days that their paired losses are worth.
    """
    from finscale.evaluation import Scores

    is_binary = isinstance(scores, Scores)
    rate = {"test_base_rate": float(labels.mean())} if is_binary else {}
    counts = {"n_test": n_days, "n_test_effective": n_effective}
    return {**score_metrics("test", scores, reference_loss), **counts, **rate}


def size_metrics(arch: Architecture) -> dict[str, float]:
    """Return the exact number of parameters, in total and by group."""
    count = count_params(arch)
    return {
        N_PARAMS: count.total,
        "n_params_embedding": count.embedding,
        "n_params_encoder": count.encoder,
        "n_params_head": count.head,
    }


def sample_metrics(
    *, train: Floats, validation: Floats, n_val_effective: int, is_binary: bool
) -> dict[str, float]:
    """Return the numbers of samples behind a result and the share of positive labels by part.

    Parameters
    ----------
    train, validation : ndarray
        Labels of each part.
    """
    counts: dict[str, float] = {
        "n_train": len(train),
        "n_val": len(validation),
        "n_val_effective": n_val_effective,
    }
    if not is_binary:
        return counts
    return counts | {
        "n_val_positive": float(validation.sum()),
        "train_base_rate": float(train.mean()),
        "val_base_rate": float(validation.mean()),
    }


def cost_metrics(
    *,
    train_flops: float,
    samples_per_second: float,
    peak_memory_bytes: int,
    wall_time_s: float,
    epochs_run: int,
    best_epoch: int,
    micro_batch_size: int,
) -> dict[str, float]:
    """Return the metrics of a run's cost."""
    return {
        TRAIN_FLOPS: train_flops,
        "samples_per_second": samples_per_second,
        "peak_memory_bytes": peak_memory_bytes,
        "wall_time_s": wall_time_s,
        "epochs_run": epochs_run,
        "best_epoch": best_epoch,
        "micro_batch_size": micro_batch_size,
    }


def verdict_metrics(numbers: dict[str, float], problem: str | None) -> dict[str, float]:
    """Return the numbers behind a verdict as metrics, by problem if a study has several."""
    prefix = f"verdict/{problem}" if problem else "verdict"
    return {f"{prefix}/{name}": value for name, value in numbers.items()}
