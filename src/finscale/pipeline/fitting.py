"""One model trained and scored: what a trial and a final have in common.

Legend: `N` samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finscale.config import RefusedError, format_budget
from finscale.evaluation import Scores, is_collapsed, score
from finscale.model import (
    TOLERANCE,
    PatchTST,
    ServedModel,
    count_params,
    fits,
    forward_flops,
    save_weights,
)
from finscale.pipeline.problem import ProblemData
from finscale.pipeline.recipe import Recipe
from finscale.tracking import Artifact, Run, Tag, cost_metrics, curve, score_metrics, size_metrics
from finscale.training import Epoch, FitResult, Samples, fit, make_samples, predict


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model on the CPU, how training went, and its validation logits."""

    model: PatchTST
    recipe: Recipe
    result: FitResult
    val_logits_N: NDArray[np.float64]


def build_model(recipe: Recipe, budget: int, seed: int) -> PatchTST:
    """Build a model and count it: formulas do not decide what a budget is, the weights do.

    Raises
    ------
    RefusedError
        If the built model lies outside the budget's tolerance.
    """
    torch.manual_seed(seed)
    model = PatchTST(recipe.arch)
    n_params = sum(weight.numel() for weight in model.parameters())
    assert n_params == count_params(recipe.arch).total
    if not fits(recipe.arch, budget):
        raise RefusedError(
            "n_params",
            expected=f"a model within {TOLERANCE:.0%} of {format_budget(budget)}",
            got=f"{n_params:,} parameters",
            todo="Take an architecture of the budget.",
        )
    return model


def train_model(
    recipe: Recipe,
    data: ProblemData,
    budget: int,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[Epoch], bool],
) -> Trained:
    """Build a recipe's model and train it with one seed."""
    model = build_model(recipe, budget, seed).to(device)
    train = samples(data, data.fold.train).to(device)
    validation = samples(data, data.fold.validation).to(device)
    result = fit(model, train, validation, recipe.settings(seed), on_epoch=on_epoch)
    logits_N = predict(model, validation).squeeze(1).double().numpy()
    return Trained(model.cpu(), recipe, result, logits_N)


def samples(data: ProblemData, positions: NDArray[np.int64]) -> Samples:
    """Return scaled windows with labels."""
    return make_samples(data.scaled_TC, positions, data.labels_T, data.problem.context_length)


def served(model: PatchTST, data: ProblemData) -> ServedModel:
    """Put the scaler into the model: it then takes unscaled features."""
    scaler = data.scaler
    return ServedModel(model, scaler.center_C, scaler.scale_C, scaler.clip).eval()


def epoch_logger(
    run: Run, parent: Run, done: int, prune: Callable[[Epoch], bool]
) -> Callable[[Epoch], bool]:
    """Return the callable that `fit` reports to: it logs, renews leases, and asks to prune.

    Parameters
    ----------
    done : int
        Epochs an interrupted attempt has logged already: a curve has no point twice.
    """

    def on_epoch(epoch: Epoch) -> bool:
        if epoch.number > done:
            run.epoch(
                epoch.number,
                {
                    curve("train_loss"): epoch.train_loss,
                    curve("val_loss"): epoch.val_loss,
                    curve("learning_rate"): epoch.learning_rate,
                },
            )
        parent.renew_lease()
        return prune(epoch)

    return on_epoch


def log_model(run: Run, trained: Trained, data: ProblemData, seed: int) -> None:
    """Store weights, and the configuration that gives the model and its scaler back."""
    scaler = data.scaler
    config: dict[str, Any] = {
        "architecture": asdict(trained.recipe.arch),
        "training": asdict(trained.recipe.settings(seed)),
        "problem": data.identity(),
        "scaler": {
            "columns": list(scaler.columns),
            "center": scaler.center_C.tolist(),
            "scale": scaler.scale_C.tolist(),
            "clip": scaler.clip,
        },
    }
    run.json(Artifact.CONFIG.value, config)
    with TemporaryDirectory() as folder:
        path = Path(folder) / Artifact.WEIGHTS.value
        save_weights(trained.model, path)
        run.file(path)


def result_metrics(
    trained: Trained, data: ProblemData, scores: Scores, reference_loss: float
) -> dict[str, float]:
    """Return every metric that a finished trial or final logs once."""
    result, arch = trained.result, trained.recipe.arch
    return {
        **score_metrics("val", scores, reference_loss),
        **size_metrics(arch),
        **data.sample_metrics(),
        **cost_metrics(
            train_flops=3.0 * forward_flops(arch) * result.n_seen,
            samples_per_second=result.samples_per_second,
            peak_memory_bytes=result.peak_memory_bytes,
            wall_time_s=result.wall_time_s,
            epochs_run=result.epochs_run,
            best_epoch=result.best_epoch,
        ),
    }


def validation_scores(trained: Trained, data: ProblemData) -> Scores:
    """Score the kept weights on validation."""
    return score(data.labels_T[data.fold.validation], trained.val_logits_N)


def collapse_tag(logits_N: NDArray[np.float64]) -> dict[str, str]:
    """Flag a model whose predictions do not spread: it stays, but takes no alias."""
    return {Tag.COLLAPSED: str(is_collapsed(logits_N))}


def serve_predictions(
    model: PatchTST, data: ProblemData, positions: NDArray[np.int64], device: torch.device
) -> Any:
    """Return logits at `positions` as the served model gives them, from unscaled features."""
    # It computes in float64, which not every accelerator can.
    device = device if device.type == "cuda" else torch.device("cpu")
    raw_TC = np.nan_to_num(data.inputs.frame.to_numpy(dtype=np.float32))  # warm-up rows only
    windows = replace(samples(data, positions), values_TC=torch.from_numpy(raw_TC))
    outputs_NK = predict(served(model, data).to(device), windows.to(device))
    model.cpu()  # the served model has taken it along
    return outputs_NK.squeeze(1).numpy()
