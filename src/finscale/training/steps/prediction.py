"""Outputs of trained models.

Legend: `M` models, `N` samples, `B` batch, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from finscale.config import Precision
from finscale.model import StackedPatchTST
from finscale.training.inputs import Samples
from finscale.training.machine import autocast, default_threads, using_threads

EVALUATION_BATCH = 512
Look = Callable[[], object]
"""Called before each batch; an error that it raises ends the work."""


def predict(
    model: nn.Module,
    samples: Samples,
    look: Look = lambda: None,
    *,
    precision: Precision = "float32",
) -> Tensor:
    """Return outputs_NK of a model in evaluation mode, on the CPU.

    Parameters
    ----------
    look : callable, optional
        Called before each batch; an error that it raises ends the prediction.
    precision : str
        Precision of the arithmetic. Outputs have at least the precision of the samples.
    """
    model.eval()
    parts: list[Tensor] = []
    with torch.inference_mode(), using_threads(default_threads(model)):
        for which_B in torch.arange(len(samples)).split(EVALUATION_BATCH):
            look()
            x_BLC = samples.windows(which_B)
            with autocast(x_BLC.device.type, precision):
                outputs_BK = model(x_BLC)
            parts.append(_at_least(x_BLC.dtype, outputs_BK.cpu()))
    return torch.cat(parts)


def predict_together(
    model: StackedPatchTST, samples: Samples, look: Look, precision: Precision = "float32"
) -> Tensor:
    """Return outputs_MNK of stacked models in evaluation mode, on the CPU."""
    model.eval()
    parts: list[Tensor] = []
    with torch.inference_mode():
        for which_B in torch.arange(len(samples)).split(EVALUATION_BATCH // model.n_models):
            look()
            x_BLC = samples.windows(which_B)
            with autocast(x_BLC.device.type, precision):
                outputs_MBK = model(x_BLC.expand(model.n_models, *x_BLC.shape))
            parts.append(_at_least(x_BLC.dtype, outputs_MBK.cpu()))
    return torch.cat(parts, dim=1)


def _at_least(dtype: torch.dtype, outputs: Tensor) -> Tensor:
    return outputs.to(torch.promote_types(dtype, outputs.dtype))  # a served model gives float64
