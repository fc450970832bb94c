"""Metric names of results: one function for each group of the design's table."""

from __future__ import annotations

from finscale.evaluation import Scores, skill
from finscale.model import Architecture, count_params


def score_metrics(part: str, scores: Scores, reference_loss: float) -> dict[str, float]:
    """Return a part's scores under its prefix: `val` or `test`."""
    return {
        f"{part}_loss": scores.loss,
        f"{part}_loss_ref": reference_loss,
        f"{part}_skill": skill(scores.loss, reference_loss),
        f"{part}_auc": scores.auc,
        f"{part}_brier": scores.brier,
        f"{part}_accuracy": scores.accuracy,
        f"{part}_precision": scores.precision,
        f"{part}_recall": scores.recall,
        f"{part}_f1": scores.f1,
        f"{part}_ece": scores.ece,
        f"{part}_pred_std": scores.pred_std,
    }


def size_metrics(arch: Architecture) -> dict[str, float]:
    """Return the exact size, whole and by group."""
    count = count_params(arch)
    return {
        "n_params": count.total,
        "n_params_embedding": count.embedding,
        "n_params_encoder": count.encoder,
        "n_params_head": count.head,
    }


def sample_metrics(
    n_train: int, n_val: int, n_val_positive: int, n_val_effective: int
) -> dict[str, float]:
    """Return how many samples a result rests on."""
    return {
        "n_train": n_train,
        "n_val": n_val,
        "n_val_positive": n_val_positive,
        "n_val_effective": n_val_effective,
    }


def cost_metrics(
    *,
    train_flops: float,
    samples_per_second: float,
    peak_memory_bytes: int,
    wall_time_s: float,
    epochs_run: int,
    best_epoch: int,
) -> dict[str, float]:
    """Return what a run took."""
    return {
        "train_flops": train_flops,
        "samples_per_second": samples_per_second,
        "peak_memory_bytes": peak_memory_bytes,
        "wall_time_s": wall_time_s,
        "epochs_run": epochs_run,
        "best_epoch": best_epoch,
    }


def verdict_metrics(numbers: dict[str, float], problem: str | None) -> dict[str, float]:
    """Return the numbers that decided, by problem where a study has several."""
    prefix = f"verdict/{problem}" if problem else "verdict"
    return {f"{prefix}/{name}": value for name, value in numbers.items()}
