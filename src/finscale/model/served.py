"""The model as it is served: the scaler inside, so that it takes unscaled features.

Legend: `B` batch, `L` context length, `C` channels, `K` outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from finscale.model.patchtst import PatchTST


class ServedModel(nn.Module):
    """Scale, clip, predict. A NaN anywhere in a window gives NaN for that window."""

    center_C: Tensor
    scale_C: Tensor

    def __init__(
        self, model: PatchTST, center_C: np.ndarray, scale_C: np.ndarray, clip: float
    ) -> None:
        super().__init__()
        self.model = model
        self.clip = clip
        self.register_buffer("center_C", torch.tensor(center_C, dtype=torch.float32))
        self.register_buffer("scale_C", torch.tensor(scale_C, dtype=torch.float32))

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return outputs_BK from unscaled features."""
        scaled_BLC = (x_BLC - self.center_C) / self.scale_C
        outputs_BK: Tensor = self.model(scaled_BLC.clamp(-self.clip, self.clip))
        # Said outright, since patches need not cover the oldest bars.
        unknown_B1 = x_BLC.isnan().flatten(1).any(1, keepdim=True)
        return outputs_BK.masked_fill(unknown_B1, torch.nan)
