from .losses import Loss, bce_loss, gaussian_nll_loss
from .pace import Pace
from .samples import Samples, make_samples
from .schedule import learning_rate_factor
from .settings import Epoch, FitResult, FitSettings, IsStopping, OnEpoch, Signal

__all__ = [
    "Epoch",
    "FitResult",
    "FitSettings",
    "IsStopping",
    "Loss",
    "OnEpoch",
    "Pace",
    "Samples",
    "Signal",
    "bce_loss",
    "gaussian_nll_loss",
    "learning_rate_factor",
    "make_samples",
]
