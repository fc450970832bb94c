"""Folds and splits: positions of the samples in each part, ascending and read-only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def frozen(positions: Positions) -> Positions:
    """Make positions read-only."""
    positions.setflags(write=False)
    return positions


def empty() -> Positions:
    """Return an empty array of positions, for a part that a fold does not have."""
    return frozen(np.empty(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the samples of each part, ascending and read-only.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        No label interval of `train` overlaps one of `validation` or `test`.
    purged : ndarray of int64
        Samples with a complete label by the end of the fold that are in none of the parts.
    """

    train: Positions
    validation: Positions
    test: Positions
    purged: Positions = field(default_factory=empty)


@dataclass(frozen=True, eq=False)
class Split:
    """The folds of a split.

    Attributes
    ----------
    folds : tuple of Fold
        One fold; under walk-forward one for each block, under cpcv one for each combination of
        test groups.
    search : Fold
        The fold on which a search trains and selects. Under walk-forward it lies before the first
        block and has no test; otherwise it is the first fold.
    purged : ndarray of int64
        Samples with a complete label that are in no part of any fold.
    """

    folds: tuple[Fold, ...]
    search: Fold
    purged: Positions


def most_recent(made: Split, share: float) -> Split:
    """Keep only the most recent training samples of every fold.

    Validation and test stay as they are, so that results of several shares can be paired by day.

    Parameters
    ----------
    share : float
        Percent of the training samples that are kept, rounded up to a whole sample.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.dataset import Fold, Split, most_recent
    >>> fold = Fold(np.arange(8), np.array([9, 10]), np.array([12]))
    >>> most_recent(Split((fold,), fold, fold.purged), 25.0).folds[0].train
    array([6, 7])
    """
    kept = {fold: _shortened(fold, share) for fold in {*made.folds, made.search}}
    return replace(made, folds=tuple(kept[f] for f in made.folds), search=kept[made.search])


def _shortened(fold: Fold, share: float) -> Fold:
    n_kept = math.ceil(round(len(fold.train) * share / 100.0, 6))  # 7 % of 100 is 7, not 7.0...01
    return replace(fold, train=frozen(fold.train[len(fold.train) - n_kept :]))


def make_fold(samples: Positions, train: Positions, validation: Positions, test: Positions) -> Fold:
    """Freeze the parts; all other `samples` count as purged."""
    taken = np.concatenate([train, validation, test])
    purged = np.setdiff1d(samples, taken)
    return Fold(frozen(train), frozen(validation), frozen(test), frozen(purged))


def make_split(samples: Positions, folds: Sequence[Fold], *, search: Fold | None = None) -> Split:
    """Join folds to a split; `search` is the first fold by default."""
    taken = [part for fold in folds for part in (fold.train, fold.validation, fold.test)]
    purged = frozen(np.setdiff1d(samples, np.concatenate(taken)))
    return Split(tuple(folds), search or folds[0], purged)
