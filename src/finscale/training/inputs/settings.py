"""What a training run is asked, what it reports after each epoch, and what it ends with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from finscale.config import Precision


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Settings of a training run.

    Attributes
    ----------
    max_steps : int
        Number of steps after which the run is complete, even within an epoch; 0 means no limit.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    batch_size: int
    seed: int
    patience: int = 10
    clip_norm: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    max_steps: int = 0
    precision: Precision = "float32"

    def identity(self) -> dict[str, Any]:
        """Return the settings that identify a run.

        Settings added in later versions are left out at their defaults, so old runs keep their
        identity.
        """
        newer = {"max_steps": 0, "precision": "float32"}
        return {name: value for name, value in asdict(self).items() if newer.get(name) != value}

    def with_seed(self, seed: int) -> FitSettings:
        """Return the settings with another seed."""
        return replace(self, seed=seed)

    def steps_per_epoch(self, n_train: int) -> int:
        """Return the number of batches in an epoch; the last one may be smaller."""
        return math.ceil(n_train / self.batch_size)

    def total_steps(self, n_train: int) -> int:
        """Return the number of steps of a run that is not stopped early."""
        in_epochs = self.epochs * self.steps_per_epoch(n_train)
        return min(in_epochs, self.max_steps or in_epochs)

    def n_epochs(self, n_train: int) -> int:
        """Return the number of epochs of a run that is not stopped early."""
        return math.ceil(self.total_steps(n_train) / self.steps_per_epoch(n_train))

    def n_seen(self, n_epochs: int, n_train: int) -> int:
        """Return the number of samples in the first epochs; the last epoch may be cut short."""
        steps = self.steps_per_epoch(n_train)
        whole, more = divmod(min(n_epochs * steps, self.total_steps(n_train)), steps)
        return whole * n_train + more * self.batch_size

    def warmup_epochs(self, n_train: int) -> int:
        """Return how many epochs begin within the warm-up."""
        return math.ceil(self.warmup_steps / self.steps_per_epoch(n_train))


@dataclass(frozen=True)
class Epoch:
    """Results of an epoch: mean losses over samples, in nats. Epochs with equal losses are equal.

    Attributes
    ----------
    seconds : float
        Seconds of its training steps; 0 if they were not measured. After a resume within the epoch,
        those since then.
    n_samples : int
        Number of samples that were processed in these seconds.
    """

    number: int
    train_loss: float
    val_loss: float
    learning_rate: float
    seconds: float = field(default=0.0, compare=False)
    n_samples: int = field(default=0, compare=False)


class Signal(Enum):
    """Answer of `on_epoch`: how a run continues after an epoch."""

    CONTINUE = "continue"
    PRUNE = "prune"
    """End the run; it counts as pruned."""
    STOP = "stop"
    """Write a checkpoint at once and stop; the run can be resumed later."""


OnEpoch = Callable[[Epoch], Signal]
IsStopping = Callable[[], bool]


@dataclass(frozen=True)
class FitResult:
    """Result of a run; the model has the weights of `best_epoch`, unless the run was stopped.

    Attributes
    ----------
    status : str
        "ok", "pruned", "diverged" or "stopped".
    reason : str
        "completed", "early_stop", "pruned", "not_finite", "exploding_norm" or "stopped".
    val_loss : float
        Validation loss of the best epoch; NaN if diverged, so that it never ranks.
    n_seen : int
        Number of training samples processed over all epochs.
    micro_batch_size : int
        Number of windows that were computed at a time.
    engine : str
        How the steps were executed, and why: see `finscale.training.steps.engine`.
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
    micro_batch_size: int = 0
    engine: str = ""
