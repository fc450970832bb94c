"""One training run: AdamW, warm-up and cosine, early stopping, the best weights kept.

Legend: `B` batch, `N` samples, `K` outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finscale.training.devices import peak_memory_bytes
from finscale.training.losses import Loss, bce_loss
from finscale.training.samples import Samples
from finscale.training.schedule import learning_rate_factor

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


@dataclass(frozen=True)
class FitResult:
    """A finished run; the model holds the weights of `best_epoch`.

    Attributes
    ----------
    status : str
        "ok", "pruned" or "diverged".
    reason : str
        "completed", "early_stop", "pruned" or "not_finite".
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
    on_epoch: Callable[[Epoch], bool],
    loss: Loss = bce_loss,
) -> FitResult:
    """Train `model` in place and leave it with its best weights.

    Parameters
    ----------
    model : Module
        Windows in, raw outputs out: x_BLC to outputs_BK.
    train, validation : Samples
        On the same device as the model.
    on_epoch : callable
        Told each epoch; a true answer prunes the run.
    loss : callable
        From outputs_BK and labels_B to the mean over the batch, in nats: the objective too.

    Notes
    -----
    Seeds torch's global generator: dropout draws from it. Equal inputs on a CPU with an equal
    number of threads give equal weights.
    """
    torch.manual_seed(settings.seed)
    optimiser = _optimiser(model, settings)
    total_steps = settings.epochs * settings.steps_per_epoch(len(train))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step, settings.warmup_steps, total_steps)
    )
    order = torch.Generator().manual_seed(settings.seed)
    started = time.perf_counter()
    keeper = _BestWeights(settings.patience, settings.warmup_epochs(len(train)))
    status, reason, number = "ok", "completed", 0
    for number in range(1, settings.epochs + 1):
        rate = optimiser.param_groups[0]["lr"]
        batches = _batches(len(train), settings.batch_size, order)
        train_loss = _train_epoch(
            model, train, batches, optimiser, schedule, settings.clip_norm, loss
        )
        val_loss = _mean_loss(model, validation, loss)
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            status, reason = "diverged", "not_finite"
            break
        keeper.see(number, val_loss, model)
        if on_epoch(Epoch(number, train_loss, val_loss, rate)):
            status, reason = "pruned", "pruned"
            break
        if keeper.exhausted(number):
            reason = "early_stop"
            break
    keeper.restore(model)
    seconds = time.perf_counter() - started
    return FitResult(
        status=status,
        reason=reason,
        best_epoch=keeper.epoch,
        val_loss=math.nan if status == "diverged" else keeper.loss,
        epochs_run=number,
        n_seen=number * len(train),
        wall_time_s=seconds,
        samples_per_second=number * len(train) / seconds,
        peak_memory_bytes=peak_memory_bytes(train.values_TC.device),
    )


def predict(model: nn.Module, samples: Samples) -> Tensor:
    """Return outputs_NK of a model in evaluation mode, on the CPU."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(samples.windows(which_B)).cpu()
            for which_B in torch.arange(len(samples)).split(EVALUATION_BATCH)
        ]
    return torch.cat(parts)


def _optimiser(model: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )


def _train_epoch(
    model: nn.Module,
    train: Samples,
    batches: Iterator[Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    clip_norm: float,
    loss: Loss,
) -> float:
    """Take one pass; return the mean loss of the batches as they were met."""
    model.train()
    total = torch.zeros((), device=train.values_TC.device)
    for which_B in batches:
        mean = loss(model(train.windows(which_B)), train.labels_N[which_B])
        optimiser.zero_grad(set_to_none=True)
        mean.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimiser.step()
        schedule.step()
        total += mean.detach() * len(which_B)
    return float(total) / len(train)


def _mean_loss(model: nn.Module, samples: Samples, loss: Loss) -> float:
    return float(loss(predict(model, samples).double(), samples.labels_N.cpu().double()))


def _batches(n: int, batch_size: int, order: torch.Generator) -> Iterator[Tensor]:
    yield from torch.randperm(n, generator=order).split(batch_size)


class _BestWeights:
    """The best weights so far, and how long ago that was."""

    def __init__(self, patience: int, warmup_epochs: int) -> None:
        self.patience, self.warmup_epochs = patience, warmup_epochs
        self.epoch, self.loss = 0, math.inf
        self.weights: dict[str, Tensor] = {}

    def see(self, epoch: int, loss: float, model: nn.Module) -> None:
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def exhausted(self, epoch: int) -> bool:
        # Patience counts from the end of warm-up: the loss of a cold start says nothing.
        return epoch - max(self.epoch, self.warmup_epochs) >= self.patience

    def restore(self, model: nn.Module) -> None:
        if self.weights:
            model.load_state_dict(self.weights)
        model.eval()
