"""Samples of a model: windows that are cut batch by batch from one array of bars.

Legend: `T` bars, `N` samples, `B` batch, `L` context length, `C` channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Windows, given by the position of their last bar, with their labels.

    A window is cut when its batch is drawn, because storing all overlapping windows would take `L`
    times the memory of the bars.
    """

    values_TC: Tensor
    positions_N: Tensor
    labels_N: Tensor
    context_length: int

    def __len__(self) -> int:
        return len(self.positions_N)

    def windows(self, which_B: Tensor) -> Tensor:
        """Return x_BLC: for each sample the `L` bars that end with its own bar."""
        views_TCL = self.values_TC.unfold(0, self.context_length, 1)
        starts_B = self.positions_N[which_B] - (self.context_length - 1)
        return views_TCL[starts_B].transpose(1, 2)

    def all_windows(self) -> Tensor:
        """Return x_NLC, the windows of all samples; they take `L` times the memory of the bars."""
        return self.windows(torch.arange(len(self)))

    def to(self, device: torch.device) -> Samples:
        """Move the samples to a device."""
        return Samples(
            self.values_TC.to(device),
            self.positions_N.to(device),
            self.labels_N.to(device),
            self.context_length,
        )


def make_samples(
    values_TC: np.ndarray, positions_N: np.ndarray, labels_T: np.ndarray, context_length: int
) -> Samples:
    """Make samples from scaled bars, the positions of a part, and the labels of all bars."""
    assert positions_N.min(initial=context_length) >= context_length - 1
    # For several tickers these are gigabytes, so avoid a copy where possible.
    shared_TC = np.require(values_TC, np.float32, ["C", "W"])
    return Samples(
        torch.from_numpy(shared_TC),
        torch.tensor(positions_N, dtype=torch.int64),
        torch.tensor(labels_T[positions_N], dtype=torch.float32),
        context_length,
    )
