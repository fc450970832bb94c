"""How a search proposes and when it stops a trial."""

from __future__ import annotations

from dataclasses import dataclass

from finscale.config import Pruner, Sampler


@dataclass(frozen=True)
class Methods:
    """What a search goes by, besides its space.

    Attributes
    ----------
    epochs : int
        Most epochs of a trial: Hyperband's largest resource.
    n_objectives : int
        1: the loss. 2: the loss and the training's FLOPs; nothing is pruned then.
    """

    seed: int
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    epochs: int = 30
    n_objectives: int = 1
