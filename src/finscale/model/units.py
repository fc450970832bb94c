"""Units of a return forecast: a network learns numbers near 1, a daily return is near .01.

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
    """Centre and spread of the training labels.

    With them a fresh network's forecast is the training distribution or near it. Without them
    its log sigma would have to walk from 0 to about -4.6, in steps of one learning rate.
    """

    center: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        assert self.scale > 0.0, "labels that vary"

    def restore(self, outputs_BK: Tensor) -> Tensor:
        """Give mean and log sigma (K=2) in the labels' own units; a logit (K=1) has none."""
        if outputs_BK.shape[1] == 1:
            return outputs_BK
        import torch  # units are also carried where nothing is computed with them

        mean_B, log_sigma_B = outputs_BK.unbind(1)
        return torch.stack(
            [self.center + self.scale * mean_B, log_sigma_B + math.log(self.scale)], dim=1
        )
