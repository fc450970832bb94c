"""What wants to be the best model of a budget, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """What decides whether an alias moves: kept as tags of the model version.

    Attributes
    ----------
    val_loss_mean : float
        Mean validation loss of the configuration over its seeds, nats.
    configuration : str
        Digest of the configuration.
    problem_sha256 : str
        Digest of samples and labels: a task of the same name may have become another one.
    """

    val_loss_mean: float
    configuration: str
    data_sha256: str
    problem_sha256: str
    split: str
    collapsed: bool
    n_seeds: int


@dataclass(frozen=True)
class Promotion:
    """What became of a candidate.

    Attributes
    ----------
    waits : bool
        Whether it could not be decided, or not be done: the next `train` tries again.
    """

    moved: bool
    uri: str
    reason: str
    waits: bool = False
