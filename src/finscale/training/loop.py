"""One training run: AdamW, warm-up and cosine, early stopping, the best weights kept.

Legend: `B` batch, `N` samples, `K` outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from finscale.training.checkpoint import CheckpointKeeper, Checkpoints
from finscale.training.devices import peak_memory_bytes
from finscale.training.losses import Loss, bce_loss
from finscale.training.samples import Samples
from finscale.training.schedule import learning_rate_factor
from finscale.training.state import TrainingState

EVALUATION_BATCH = 512


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How to train. Defaults are the design's."""

    epochs: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    batch_size: int
    seed: int
    patience: int = 10
    clip_norm: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)

    def steps_per_epoch(self, n_train: int) -> int:
        """Number of batches in an epoch, the last one smaller."""
        return math.ceil(n_train / self.batch_size)

    def warmup_epochs(self, n_train: int) -> int:
        """Epochs (from 1) that begin within the warm-up."""
        return math.ceil(self.warmup_steps / self.steps_per_epoch(n_train))


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch: losses in nats, mean over samples."""

    number: int
    train_loss: float
    val_loss: float
    learning_rate: float


class Signal(Enum):
    """What is to become of a run that has told of an epoch."""

    CONTINUE = "continue"
    PRUNE = "prune"
    """It is over, as a result."""
    STOP = "stop"
    """It goes on another time: its checkpoint is written at once."""


OnEpoch = Callable[[Epoch], Signal]
IsStopping = Callable[[], bool]


class _StopAskedError(Exception):
    """Raised between two batches, to leave from there."""


@dataclass(frozen=True)
class FitResult:
    """A run that ended; the model holds the weights of `best_epoch`, unless it was stopped.

    Attributes
    ----------
    status : str
        "ok", "pruned", "diverged" or "stopped".
    reason : str
        "completed", "early_stop", "pruned", "not_finite" or "stopped".
    val_loss : float
        Of the best epoch; NaN if diverged, so that it ranks nowhere.
    n_seen : int
        Training samples processed, over all epochs.
    """

    status: str
    reason: str
    best_epoch: int
    val_loss: float
    epochs_run: int
    n_seen: int
    wall_time_s: float
    samples_per_second: float
    peak_memory_bytes: int


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
        Windows in, raw outputs out: x_BLC to outputs_BK.
    train, validation : Samples
        On the same device as the model.
    on_epoch : callable
        Told each epoch; its answer says how to go on.
    loss : callable
        From outputs_BK and labels_B to the mean over the batch, in nats: the objective too.
    checkpoints : Checkpoints, optional
        Where to go on from, if a file of the same settings, model and number of samples is there,
        and what to write on the way. Who keeps the result removes the file, once it is safe.
    is_stopping : callable, optional
        Asked before each batch and after each epoch: if it says so, the checkpoint is written at
        once, and the run is "stopped".

    Raises
    ------
    OSError
        If a checkpoint cannot be written.

    Notes
    -----
    Seeds torch's global generator: dropout draws from it. Equal inputs on a CPU with an equal
    number of threads give equal weights, however often the run was stopped or killed on the way.
    """
    torch.manual_seed(settings.seed)
    order = torch.Generator().manual_seed(settings.seed)
    state = TrainingState(model, _optimiser(model, settings), order)
    keeper = None
    if checkpoints:
        identity = {"settings": asdict(settings), "n_train": len(train)}
        keeper = CheckpointKeeper(checkpoints, identity)
        keeper.resume(state)

    def look() -> None:
        if is_stopping():
            raise _StopAskedError

    try:
        status, reason = _run(state, train, validation, settings, on_epoch, loss, keeper, look)
    except _StopAskedError:
        status, reason = "stopped", "stopped"
        if keeper:
            keeper.save(state, at_once=True)
    if status != "stopped":
        state.take_best()
    return _result(state, status, reason, train)


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
        train_loss = _train_epoch(state, train, settings, schedule, loss, look)
        val_loss = _mean_loss(state.model, validation, loss, look)
        state.end_epoch()
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            return "diverged", "not_finite"
        state.see(val_loss)
        # A kill while it is told repeats the epoch: told twice is better than never.
        signal = on_epoch(Epoch(state.epoch, train_loss, val_loss, rate))
        if signal is Signal.PRUNE:
            return "pruned", "pruned"
        if keeper:
            keeper.save(state, at_once=signal is Signal.STOP)
        if signal is Signal.STOP:
            return "stopped", "stopped"
        look()  # after the last epoch too: what it came to is not stored yet
    return "ok", reason


def _over(state: TrainingState, settings: FitSettings, n_train: int) -> str:
    """Say why training is over; nothing while it goes on."""
    # Patience counts from the end of warm-up: the loss of a cold start says nothing.
    counted_from = max(state.best_epoch, settings.warmup_epochs(n_train))
    if state.epoch and state.epoch - counted_from >= settings.patience:
        return "early_stop"
    return "completed" if state.epoch >= settings.epochs else ""


def _result(state: TrainingState, status: str, reason: str, train: Samples) -> FitResult:
    seconds, n_seen = state.seconds, state.epoch * len(train)
    return FitResult(
        status=status,
        reason=reason,
        best_epoch=state.best_epoch,
        val_loss=math.nan if status == "diverged" else state.best_loss,
        epochs_run=state.epoch,
        n_seen=n_seen,
        wall_time_s=seconds,
        samples_per_second=n_seen / seconds,
        peak_memory_bytes=peak_memory_bytes(train.values_TC.device),
    )


def predict(
    model: nn.Module, samples: Samples, look: Callable[[], object] = lambda: None
) -> Tensor:
    """Return outputs_NK of a model in evaluation mode, on the CPU.

    Parameters
    ----------
    look : callable, optional
        Called before each batch: what it raises ends the prediction.
    """
    model.eval()
    parts: list[Tensor] = []
    with torch.inference_mode():
        for which_B in torch.arange(len(samples)).split(EVALUATION_BATCH):
            look()
            parts.append(model(samples.windows(which_B)).cpu())
    return torch.cat(parts)


def _optimiser(model: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    # With the peak rate named, a schedule can begin at any step.
    return torch.optim.AdamW(
        [{"params": list(model.parameters()), "initial_lr": settings.learning_rate}],
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )


def _factor(settings: FitSettings, n_train: int, step: int) -> float:
    total = settings.epochs * settings.steps_per_epoch(n_train)
    return learning_rate_factor(step, settings.warmup_steps, total)


def _rate_at_start(state: TrainingState, settings: FitSettings, n_train: int) -> float:
    """Return the learning rate with which the epoch under way began."""
    step = state.epoch * settings.steps_per_epoch(n_train)
    return settings.learning_rate * _factor(settings, n_train, step)


def _schedule(
    state: TrainingState, settings: FitSettings, n_train: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Go on with the schedule after the steps that were taken: they are all its state."""
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
    """Take a pass, or the rest of one; return the mean loss of the batches as they were met."""
    state.model.train()
    if not state.batch:
        state.losses = torch.zeros((), device=train.values_TC.device)
    for which_B in state.draw_order(len(train)).split(settings.batch_size)[state.batch :]:
        look()
        mean = loss(state.model(train.windows(which_B)), train.labels_N[which_B])
        state.optimiser.zero_grad(set_to_none=True)
        mean.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip_norm)
        state.optimiser.step()
        schedule.step()
        state.losses += mean.detach() * len(which_B)
        state.batch += 1
    return float(state.losses) / len(train)


def _mean_loss(model: nn.Module, samples: Samples, loss: Loss, look: Callable[[], object]) -> float:
    outputs_NK = predict(model, samples, look).double()
    return float(loss(outputs_NK, samples.labels_N.cpu().double()))
