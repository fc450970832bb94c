"""The loss that a task is trained with.

Legend: `B` batch, `K` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from finscale.model import LabelUnits
from finscale.pipeline.problem.data import FoldData, ProblemData
from finscale.training import Loss, bce_loss, gaussian_nll_loss


def task_loss(data: ProblemData, fold: FoldData) -> Loss:
    """Return the loss to minimise: cross-entropy, or the negative log density of returns."""
    return bce_loss if data.problem.task.is_binary else DensityLoss(fold.units)


@dataclass(frozen=True)
class DensityLoss:
    """The negative log density of returns. Unlike a function within one, it can be pickled."""

    units: LabelUnits

    def __call__(self, outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        """Return losses_B."""
        return gaussian_nll_loss(self.units.restore(outputs_BK), labels_B)
