"""Training and scoring of one model, shared by trials and finals.

Legend: `N` samples, `B` batch, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finscale.config import (
    AskedCompile,
    RefusedError,
    check_stop,
    format_budget,
    unbroken,
)
from finscale.evaluation import RegressionScores, Scores, is_collapsed_forecast
from finscale.model import (
    MLP,
    TOLERANCE,
    Architecture,
    PatchTST,
    ServedModel,
    count_params,
    fits,
    forward_flops,
    save_weights,
)
from finscale.pipeline.problem.data import FoldData, ProblemData
from finscale.pipeline.problem.losses import task_loss
from finscale.pipeline.problem.predictions import Outputs
from finscale.pipeline.problem.recipe import Recipe
from finscale.tracking import (
    Artifact,
    Run,
    Tag,
    cost_metrics,
    log_weights,
    score_metrics,
    size_metrics,
)
from finscale.training import (
    Checkpoints,
    FitResult,
    FitSettings,
    Member,
    OnEpoch,
    Samples,
    ThermalGuard,
    fit_on_several,
    fit_together,
    make_samples,
    predict,
)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model on the CPU, the result of its training, and its validation outputs_NK."""

    model: PatchTST
    recipe: Recipe
    result: FitResult
    val_outputs_NK: Outputs


def build_model(recipe: Recipe, budget: int, seed: int) -> PatchTST:
    """Build a model and check its size by counting its weights, not by a formula.

    Raises
    ------
    RefusedError
        If the size of the model is outside the budget's tolerance.
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


@dataclass(frozen=True, eq=False)
class Trainee:
    """A seed with which a recipe is trained, and where its progress goes."""

    seed: int
    on_epoch: OnEpoch
    checkpoints: Checkpoints | None = None


def train_models(
    recipe: Recipe,
    data: ProblemData,
    fold: FoldData,
    budget: int,
    trainees: Sequence[Trainee],
    device: torch.device,
    guard: ThermalGuard,
    compile: AskedCompile = "false",
    nproc: int = 1,
) -> list[Trained]:
    """Build a recipe's model for each seed, and train them in one program on a fold.

    Parameters
    ----------
    nproc : int
        Number of devices that train the model together, if there is only one.
    """
    models = [build_model(recipe, budget, trainee.seed) for trainee in trainees]
    members = [
        Member(model if nproc > 1 else model.to(device), each.seed, each.on_epoch, each.checkpoints)
        for model, each in zip(models, trainees, strict=True)
    ]
    settings, length = recipe.settings(trainees[0].seed), recipe.arch.context_length
    results = _fit(members, data, fold, settings, length, device, guard, compile, nproc)
    at_N = fold.at.validation
    return [
        Trained(model, recipe, result, outputs_at(model, data, fold, at_N, device))
        for model, result in zip(models, results, strict=True)
    ]


def train_model(
    recipe: Recipe,
    data: ProblemData,
    fold: FoldData,
    budget: int,
    trainee: Trainee,
    device: torch.device,
    guard: ThermalGuard,
    compile: AskedCompile = "false",
    nproc: int = 1,
) -> Trained:
    """Build a recipe's model for one seed, and train it on a fold."""
    return train_models(recipe, data, fold, budget, [trainee], device, guard, compile, nproc)[0]


def fit_network(
    model: PatchTST | MLP,
    data: ProblemData,
    fold: FoldData,
    settings: FitSettings,
    device: torch.device,
    on_epoch: OnEpoch,
    guard: ThermalGuard,
) -> FitResult:
    """Train a network on a fold with the task's loss, and move it to the CPU at the end.

    Raises
    ------
    KeyboardInterrupt
        If a stop is requested. It is raised within a batch or two, after the checkpoint is
        written.
    ThermalError
        If the machine is too hot, likewise.
    """
    member = Member(model.to(device), settings.seed, on_epoch)
    length = model.arch.context_length
    return _fit([member], data, fold, settings, length, device, guard)[0]


def _fit(
    members: Sequence[Member],
    data: ProblemData,
    fold: FoldData,
    settings: FitSettings,
    context_length: int,
    device: torch.device,
    guard: ThermalGuard,
    compile: AskedCompile = "false",
    nproc: int = 1,
) -> list[FitResult]:
    train = samples(data, fold, fold.at.train, context_length)
    validation = samples(data, fold, fold.at.validation, context_length)
    with unbroken():
        if nproc > 1:
            (member,) = members
            results = [
                fit_on_several(
                    member,
                    train,
                    validation,
                    settings,
                    n_devices=nproc,
                    device_type=device.type,
                    loss=task_loss(data, fold),
                    is_stopping=guard,
                )
            ]
        else:
            results = fit_together(
                members,
                train.to(device),
                validation.to(device),
                settings,
                loss=task_loss(data, fold),
                is_stopping=guard,
                compile=compile,
            )
    guard.check()
    for member in members:
        member.model.cpu()
    return results


def samples(
    data: ProblemData, fold: FoldData, positions: NDArray[np.int64], context_length: int
) -> Samples:
    """Return scaled windows of `context_length` bars (at most the problem's), with labels."""
    assert context_length <= data.problem.context_length
    return make_samples(fold.scaled(), positions, data.labels_T, context_length)


def unscaled_samples(
    data: ProblemData, positions: NDArray[np.int64], context_length: int
) -> Samples:
    """Return windows of the target's unscaled features, which a served model takes."""
    raw_TC = np.nan_to_num(data.inputs.frame.to_numpy(dtype=np.float32))  # warm-up rows only
    return make_samples(raw_TC, positions, data.labels_T, context_length)


def outputs_at(
    model: PatchTST | MLP,
    data: ProblemData,
    fold: FoldData,
    positions: NDArray[np.int64],
    device: torch.device,
) -> Outputs:
    """Return a network's outputs_NK at `positions`, in the labels' units."""
    windows = samples(data, fold, positions, model.arch.context_length).to(device)
    outputs_NK = fold.units.restore(predict(model.to(device), windows, check_stop).double())
    model.cpu()
    return np.asarray(outputs_NK.numpy())


def served(model: PatchTST, fold: FoldData) -> ServedModel:
    """Wrap a model with its scaler and units, so that it takes unscaled features."""
    scaler = fold.scaler
    return ServedModel(model, scaler.center_C, scaler.scale_C, scaler.clip, fold.units).eval()


def log_config(run: Run, trained: Trained, data: ProblemData, fold: FoldData, seed: int) -> None:
    """Store the configuration from which the model and its scaler can be rebuilt."""
    scaler = fold.scaler
    config: dict[str, Any] = {
        "architecture": asdict(trained.recipe.arch),
        "training": trained.recipe.settings(seed).identity(),
        "problem": data.identity(),
        "scaler": {
            "columns": list(scaler.columns),
            "center": scaler.center_C.tolist(),
            "scale": scaler.scale_C.tolist(),
            "clip": scaler.clip,
        },
        "label_units": asdict(fold.units),
    }
    run.json(Artifact.CONFIG.value, config)


def store_weights(run: Run, model: PatchTST) -> int:
    """Store a model's weights and return their size in bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Artifact.WEIGHTS.value
        save_weights(model, path)
        log_weights(run, path)
        return path.stat().st_size


def result_metrics(
    arch: Architecture,
    results: Sequence[FitResult],
    data: ProblemData,
    scores: Scores | RegressionScores,
    reference_loss: float,
) -> dict[str, float]:
    """Return every metric that a finished trial or final logs once.

    Parameters
    ----------
    results : sequence of FitResult
        The results of all folds. Costs are summed. `best_epoch` is the latest of all folds, so
        that a model which still improved at its last epoch is noticed.
    """
    n_seen = sum(result.n_seen for result in results)
    seconds = sum(result.wall_time_s for result in results)
    return {
        **score_metrics("val", scores, reference_loss),
        **size_metrics(arch),
        **data.sample_metrics(),
        **cost_metrics(
            train_flops=3.0 * forward_flops(arch) * n_seen,
            samples_per_second=n_seen / seconds,
            peak_memory_bytes=max(result.peak_memory_bytes for result in results),
            wall_time_s=seconds,
            epochs_run=sum(result.epochs_run for result in results),
            best_epoch=max(result.best_epoch for result in results),
            micro_batch_size=min(result.micro_batch_size for result in results),
        ),
    }


def collapse_tag(outputs: Sequence[Outputs]) -> dict[str, str]:
    """Return the tag of a run with a collapsed forecast: the run is kept but gets no alias."""
    return {Tag.COLLAPSED: str(any(is_collapsed_forecast(outputs_NK) for outputs_NK in outputs))}


def serve_predictions(
    model: PatchTST,
    data: ProblemData,
    fold: FoldData,
    positions: NDArray[np.int64],
    device: torch.device,
) -> Outputs:
    """Return outputs_NK at `positions`, computed by the served model from unscaled features."""
    # The served model computes in float64, which not every accelerator supports.
    device = device if device.type == "cuda" else torch.device("cpu")
    windows = unscaled_samples(data, positions, model.arch.context_length)
    outputs_NK = predict(served(model, fold).to(device), windows.to(device), check_stop)
    model.cpu()  # it was moved together with the served model
    return np.asarray(outputs_NK.numpy())
