from .batches import MicroBatch, fit_memory_bytes, least_memory_bytes, micro_batch, spared_bytes
from .checkpoint import (
    Checkpoints,
    Reached,
    last_epoch,
    reached,
    remove_checkpoint,
)
from .devices import (
    available_memory_bytes,
    pick_device,
)
from .gain import Gain, measure_gain
from .health import Sensor, ThermalGuard, check_heat, sensors
from .loop import fit, fit_together
from .losses import Loss, bce_loss, gaussian_nll_loss
from .measuring import measure_flops_per_second
from .member import Member
from .pace import Pace
from .precision import autocast, check_precision, resolve_precision, tf32_products
from .prediction import predict
from .rates import matrix_flops_per_second
from .samples import Samples, make_samples
from .schedule import learning_rate_factor
from .settings import Epoch, FitResult, FitSettings, OnEpoch, Signal
from .several_devices import fit_on_several
from .threads import LARGE, threads_of

__all__ = [
    "LARGE",
    "Checkpoints",
    "Epoch",
    "FitResult",
    "FitSettings",
    "Gain",
    "Loss",
    "Member",
    "MicroBatch",
    "OnEpoch",
    "Pace",
    "Reached",
    "Samples",
    "Sensor",
    "Signal",
    "ThermalGuard",
    "autocast",
    "available_memory_bytes",
    "bce_loss",
    "check_heat",
    "check_precision",
    "fit",
    "fit_memory_bytes",
    "fit_on_several",
    "fit_together",
    "gaussian_nll_loss",
    "last_epoch",
    "learning_rate_factor",
    "least_memory_bytes",
    "make_samples",
    "matrix_flops_per_second",
    "measure_flops_per_second",
    "measure_gain",
    "micro_batch",
    "pick_device",
    "predict",
    "reached",
    "remove_checkpoint",
    "resolve_precision",
    "sensors",
    "spared_bytes",
    "tf32_products",
    "threads_of",
]
