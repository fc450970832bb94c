"""The training loop: AdamW, warm-up and cosine schedule, early stopping, best weights.

Legend: `B` batch, `N` samples, `K` outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from finscale.training.checkpoint import CheckpointKeeper, Checkpoints
from finscale.training.devices import peak_memory_bytes
from finscale.training.losses import Loss, bce_loss
from finscale.training.samples import Samples
from finscale.training.schedule import learning_rate_factor
from finscale.training.settings import (
    Epoch,
    FitResult,
    FitSettings,
    IsStopping,
    OnEpoch,
    Signal,
)
from finscale.training.state import TrainingState
from finscale.training.threads import default_threads, using_threads

EVALUATION_BATCH = 512


class _StopAskedError(Exception):
    """Raised between two batches to stop the run."""


def fit(
    model: nn.Module,
    train: Samples,
    validation: Samples,
    settings: FitSettings,
    *,
    on_epoch: OnEpoch,
    loss: Loss = bce_loss,
    checkpoints: Checkpoints | None = None,
    is_stopping: IsStopping = lambda: False,
) -> FitResult:
    """Train `model` in place and leave it with its best weights.

    Parameters
    ----------
    model : Module
        Maps windows x_BLC to raw outputs_BK.
    train, validation : Samples
        Samples on the same device as the model.
    on_epoch : callable
        Called after each epoch; its answer says how to continue.
    loss : callable
        Maps outputs_BK and labels_B to the mean loss of the batch in nats; it is the objective in
        training and in validation.
    checkpoints : Checkpoints, optional
        Checkpoint to resume from, if its settings, model and numbers of samples are the same, and
        to write during the run. The caller removes the file once the result is stored.
    is_stopping : callable, optional
        Called before each batch and after each epoch. If it returns true, a checkpoint is written
        at once, and the run ends as "stopped".

    Raises
    ------
    OSError
        If a checkpoint cannot be written.

    Notes
    -----
    The function seeds torch's global generator, from which dropout draws. On a CPU, equal inputs
    and an equal number of threads give equal weights, even if the run was stopped or killed and
    resumed: a small model has one thread, and a checkpoint holds the number of a large one.
    """
    torch.manual_seed(settings.seed)
    order = torch.Generator().manual_seed(settings.seed)
    n_threads = default_threads(model)
    state = TrainingState(model, _optimiser(model, settings), order, n_threads=n_threads)
    keeper = None
    if checkpoints:
        identity = {"settings": settings.identity(), "n_train": len(train)}
        keeper = CheckpointKeeper(checkpoints, identity)
        keeper.resume(state)

    def look() -> None:
        if is_stopping():
            raise _StopAskedError

    try:
        with using_threads(state.n_threads):
            status, reason = _run(state, train, validation, settings, on_epoch, loss, keeper, look)
    except _StopAskedError:
        status, reason = "stopped", "stopped"
        if keeper:
            keeper.save(state, at_once=True)
    if status != "stopped":
        state.take_best()
    return _result(state, status, reason, settings.n_seen(state.epoch, len(train)))


def _run(
    state: TrainingState,
    train: Samples,
    validation: Samples,
    settings: FitSettings,
    on_epoch: OnEpoch,
    loss: Loss,
    keeper: CheckpointKeeper | None,
    look: Callable[[], object],
) -> tuple[str, str]:
    """Train epoch after epoch; return status and reason."""
    schedule = _schedule(state, settings, len(train))
    while not (reason := _over(state, settings, len(train))):
        rate = _rate_at_start(state, settings, len(train))
        began, first = time.perf_counter(), state.batch * settings.batch_size
        train_loss = _train_epoch(state, train, settings, schedule, loss, look)
        seconds = time.perf_counter() - began
        n_samples = min(state.batch * settings.batch_size, len(train)) - first
        val_loss = _mean_loss(state.model, validation, loss, look)
        state.end_epoch()
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            return "diverged", "not_finite"
        state.see(val_loss)
        # If the process is killed here, the epoch is repeated and reported twice, but never lost.
        signal = on_epoch(Epoch(state.epoch, train_loss, val_loss, rate, seconds, n_samples))
        if signal is Signal.PRUNE:
            return "pruned", "pruned"
        if keeper:
            keeper.save(state, at_once=signal is Signal.STOP)
        if signal is Signal.STOP:
            return "stopped", "stopped"
        look()  # also after the last epoch, whose result is not stored yet
    return "ok", reason


def _over(state: TrainingState, settings: FitSettings, n_train: int) -> str:
    """Return the reason why training is over, or an empty text while it continues."""
    # Patience counts from the end of the warm-up, since earlier losses carry no information.
    counted_from = max(state.best_epoch, settings.warmup_epochs(n_train))
    if state.epoch and state.epoch - counted_from >= settings.patience:
        return "early_stop"
    return "completed" if state.epoch >= settings.n_epochs(n_train) else ""


def _result(state: TrainingState, status: str, reason: str, n_seen: int) -> FitResult:
    seconds = state.seconds
    return FitResult(
        status=status,
        reason=reason,
        best_epoch=state.best_epoch,
        val_loss=math.nan if status == "diverged" else state.best_loss,
        epochs_run=state.epoch,
        n_seen=n_seen,
        wall_time_s=seconds,
        samples_per_second=n_seen / seconds,
        peak_memory_bytes=peak_memory_bytes(next(state.model.parameters()).device),
    )


def predict(
    model: nn.Module, samples: Samples, look: Callable[[], object] = lambda: None
) -> Tensor:
    """Return outputs_NK of a model in evaluation mode, on the CPU.

    Parameters
    ----------
    look : callable, optional
        Called before each batch; an error that it raises ends the prediction.
    """
    model.eval()
    parts: list[Tensor] = []
    with torch.inference_mode(), using_threads(default_threads(model)):
        for which_B in torch.arange(len(samples)).split(EVALUATION_BATCH):
            look()
            parts.append(model(samples.windows(which_B)).cpu())
    return torch.cat(parts)


def _optimiser(model: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    # With `initial_lr`, a schedule can begin at any step.
    return torch.optim.AdamW(
        [{"params": list(model.parameters()), "initial_lr": settings.learning_rate}],
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )


def _factor(settings: FitSettings, n_train: int, step: int) -> float:
    return learning_rate_factor(step, settings.warmup_steps, settings.total_steps(n_train))


def _rate_at_start(state: TrainingState, settings: FitSettings, n_train: int) -> float:
    """Return the learning rate at the beginning of the current epoch."""
    step = state.epoch * settings.steps_per_epoch(n_train)
    return settings.learning_rate * _factor(settings, n_train, step)


def _schedule(
    state: TrainingState, settings: FitSettings, n_train: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the schedule, advanced by the number of steps taken, which is its whole state."""
    done = state.epoch * settings.steps_per_epoch(n_train) + state.batch
    return torch.optim.lr_scheduler.LambdaLR(
        state.optimiser, lambda step: _factor(settings, n_train, step), last_epoch=done - 1
    )


def _train_epoch(
    state: TrainingState,
    train: Samples,
    settings: FitSettings,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    loss: Loss,
    look: Callable[[], object],
) -> float:
    """Train an epoch, or the rest of one, and return the mean loss of its batches."""
    state.model.train()
    n_train = len(train)
    left = settings.total_steps(n_train) - state.epoch * settings.steps_per_epoch(n_train)
    n_samples = settings.n_seen(state.epoch + 1, n_train) - settings.n_seen(state.epoch, n_train)
    if not state.batch:
        state.losses = torch.zeros((), device=train.values_TC.device)
    for which_B in state.draw_order(n_train).split(settings.batch_size)[state.batch : left]:
        look()
        mean = loss(state.model(train.windows(which_B)), train.labels_N[which_B])
        state.optimiser.zero_grad(set_to_none=True)
        mean.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip_norm)
        state.optimiser.step()
        schedule.step()
        state.losses += mean.detach() * len(which_B)
        state.batch += 1
    return float(state.losses) / n_samples


def _mean_loss(model: nn.Module, samples: Samples, loss: Loss, look: Callable[[], object]) -> float:
    outputs_NK = predict(model, samples, look).double()
    return float(loss(outputs_NK, samples.labels_N.cpu().double()))
