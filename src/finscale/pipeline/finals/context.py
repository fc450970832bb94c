"""Context that all finals of a cell share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from finscale.config import TrainConfig
from finscale.pipeline.problem import ProblemData
from finscale.pipeline.running import Listen, guard_of
from finscale.tracking import Run
from finscale.training import ThermalGuard


@dataclass(frozen=True, eq=False)
class CellContext:
    """Objects and settings that every final of a cell needs.

    Attributes
    ----------
    own : Run or None
        The run of this command, whose lease is renewed; None in a worker.
    """

    config: TrainConfig
    data: ProblemData
    parent: Run
    own: Run | None
    device: torch.device
    reference_loss: float
    listen: Listen
    study: str | None

    @cached_property
    def guard(self) -> ThermalGuard:
        """Guard that watches the temperature of the machine while finals train."""
        return guard_of("train", self.config, self.device, self.listen)
