"""The served model, which includes the scaler and so takes unscaled features.

Legend: `B` batch, `L` context length, `C` channels, `K` outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from finscale.model.patchtst import PatchTST
from finscale.model.units import LabelUnits


class ServedModel(nn.Module):
    """Scale and clip features, and predict in the labels' units; NaN in a window gives NaN.

    Weights are float32, but computed with in float64. In float32, the last digit of a prediction
    depends on the batch size, and served predictions must equal the stored ones.
    """

    center_C: Tensor
    scale_C: Tensor

    def __init__(
        self,
        model: PatchTST,
        center_C: np.ndarray,
        scale_C: np.ndarray,
        clip: float,
        units: LabelUnits,
    ) -> None:
        super().__init__()
        self.model = model
        self.clip = clip
        self.units = units
        self.register_buffer("center_C", torch.tensor(center_C, dtype=torch.float64))
        self.register_buffer("scale_C", torch.tensor(scale_C, dtype=torch.float64))

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return outputs_BK (float64) from unscaled features."""
        scaled_BLC = (x_BLC.double() - self.center_C) / self.scale_C
        weights = {name: weight.double() for name, weight in self.model.named_parameters()}
        outputs_BK: Tensor = functional_call(
            self.model, weights, (scaled_BLC.clamp(-self.clip, self.clip),)
        )
        # An explicit mask, because patches need not cover the oldest bars.
        unknown_B1 = x_BLC.isnan().flatten(1).any(1, keepdim=True)
        return self.units.restore(outputs_BK).masked_fill(unknown_B1, torch.nan)
