"""Training losses in nats, from raw outputs; the task determines which one is used.

Legend: `B` batch, `K` outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from finscale.config import LOG_SIGMA_BOUNDS

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps outputs_BK and labels_B to losses_B."""


def bce_loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Return losses_B: the binary cross-entropy of each logit (K=1)."""
    return functional.binary_cross_entropy_with_logits(
        outputs_BK.squeeze(1), labels_B, reduction="none"
    )


def gaussian_nll_loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Return losses_B: the negative log density of normal forecasts, mean and log sigma (K=2).

    It includes the constant, so that it equals the loss that the scores report.
    """
    mean_B, log_sigma_B = outputs_BK.unbind(1)
    log_sigma_B = log_sigma_B.clamp(*LOG_SIGMA_BOUNDS)
    z_B = (labels_B - mean_B) * (-log_sigma_B).exp()
    return 0.5 * math.log(2.0 * math.pi) + log_sigma_B + 0.5 * z_B.square()
