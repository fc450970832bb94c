"""The methods of a search: sampler, pruner and number of objectives."""

from __future__ import annotations

from dataclasses import dataclass

from finscale.config import Pruner, Sampler


@dataclass(frozen=True)
class Methods:
    """The settings of a search, besides its space.

    Attributes
    ----------
    epochs : int
        Maximum number of epochs of a trial, which is Hyperband's largest resource.
    n_objectives : int
        1: the loss. 2: the loss and the FLOPs of training, without pruning.
    """

    seed: int
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    epochs: int = 30
    n_objectives: int = 1
