"""Candidate for the best model of a budget, and the result of its promotion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """Values that decide whether an alias moves. They are stored as tags of the model version.

    Attributes
    ----------
    val_loss_mean : float
        Mean validation loss of the configuration over its seeds, in nats.
    configuration : str
        Digest of the configuration.
    problem_sha256 : str
        Digest of samples and labels, because a task may change under the same name.
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
    """Result of the promotion of a candidate.

    Attributes
    ----------
    waits : bool
        True if the promotion could not be decided or carried out; the next `train` tries again.
    """

    moved: bool
    uri: str
    reason: str
    waits: bool = False
