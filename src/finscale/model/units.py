"""Units of a return forecast: networks learn numbers near 1, but daily returns are near .01.

Legend: `B` batch, `K` outputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LabelUnits:
    """Centre and scale of the training labels.

    In these units, the first forecasts of an untrained network are near the training distribution.
    Otherwise its log sigma would have to move from 0 to about -4.6, in steps of a learning rate.
    """

    center: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        assert self.scale > 0.0, "labels that vary"

    def restore(self, outputs_BK: Tensor) -> Tensor:
        """Return mean and log sigma (K=2) in the labels' own units; a logit (K=1) is unchanged."""
        if outputs_BK.shape[1] == 1:
            return outputs_BK
        import torch  # imported here because units are also used without torch

        mean_B, log_sigma_B = outputs_BK.unbind(1)
        return torch.stack(
            [self.center + self.scale * mean_B, log_sigma_B + math.log(self.scale)], dim=1
        )
