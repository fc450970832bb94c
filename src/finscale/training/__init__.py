"""Training: samples, schedule, one `fit`, checkpoints, devices; reports by a plain callable."""

from finscale.training.checkpoint import (
    Checkpoints,
    Reached,
    last_epoch,
    reached,
    remove_checkpoint,
)
from finscale.training.devices import (
    available_memory_bytes,
    measure_flops_per_second,
    pick_device,
)
from finscale.training.fit import Epoch, FitResult, FitSettings, OnEpoch, Signal, fit, predict
from finscale.training.losses import Loss, bce_loss, gaussian_nll_loss
from finscale.training.pace import Pace
from finscale.training.samples import Samples, make_samples
from finscale.training.schedule import learning_rate_factor

__all__ = [
    "Checkpoints",
    "Epoch",
    "FitResult",
    "FitSettings",
    "Loss",
    "OnEpoch",
    "Pace",
    "Reached",
    "Samples",
    "Signal",
    "available_memory_bytes",
    "bce_loss",
    "fit",
    "gaussian_nll_loss",
    "last_epoch",
    "learning_rate_factor",
    "make_samples",
    "measure_flops_per_second",
    "pick_device",
    "predict",
    "reached",
    "remove_checkpoint",
]
