from .checkpoint import (
    Checkpoints,
    Reached,
    last_epoch,
    reached,
    remove_checkpoint,
)
from .devices import (
    available_memory_bytes,
    measure_flops_per_second,
    pick_device,
)
from .health import Sensor, ThermalGuard, check_heat, sensors
from .loop import fit, predict
from .losses import Loss, bce_loss, gaussian_nll_loss
from .pace import Pace
from .rates import matrix_flops_per_second
from .samples import Samples, make_samples
from .schedule import learning_rate_factor
from .settings import Epoch, FitResult, FitSettings, OnEpoch, Signal
from .threads import LARGE, threads_of

__all__ = [
    "LARGE",
    "Checkpoints",
    "Epoch",
    "FitResult",
    "FitSettings",
    "Loss",
    "OnEpoch",
    "Pace",
    "Reached",
    "Samples",
    "Sensor",
    "Signal",
    "ThermalGuard",
    "available_memory_bytes",
    "bce_loss",
    "check_heat",
    "fit",
    "gaussian_nll_loss",
    "last_epoch",
    "learning_rate_factor",
    "make_samples",
    "matrix_flops_per_second",
    "measure_flops_per_second",
    "pick_device",
    "predict",
    "reached",
    "remove_checkpoint",
    "sensors",
    "threads_of",
]
