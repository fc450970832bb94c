"""What a split is made of: positions of samples, by part, ascending and read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def frozen(positions: Positions) -> Positions:
    """Make positions read-only."""
    positions.setflags(write=False)
    return positions


def empty() -> Positions:
    """Return no positions: a part that a fold does not have."""
    return frozen(np.empty(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the samples of each part, ascending, read-only.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        No label interval of `train` meets one of `validation` or `test`.
    purged : ndarray of int64
        Samples whose labels are whole by the end of the fold, and that no part may have.
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
        One; under walk-forward one a block, under cpcv one a combination of test groups.
    search : Fold
        What a search trains and selects on. Under walk-forward it lies before the first block
        and has no test; else it is the first fold.
    purged : ndarray of int64
        Samples with a whole label that are in no part of any fold.
    carries_verdict : bool
        False where training sees bars after an evaluated block: a diagnostic, not evidence.
    """

    folds: tuple[Fold, ...]
    search: Fold
    purged: Positions
    carries_verdict: bool


def make_fold(samples: Positions, train: Positions, validation: Positions, test: Positions) -> Fold:
    """Freeze the parts; whatever else of `samples` there is, is purged."""
    taken = np.concatenate([train, validation, test])
    purged = np.setdiff1d(samples, taken)
    return Fold(frozen(train), frozen(validation), frozen(test), frozen(purged))


def make_split(
    samples: Positions,
    folds: Sequence[Fold],
    *,
    search: Fold | None = None,
    carries_verdict: bool = True,
) -> Split:
    """Join folds; a search takes the first one unless it is told otherwise."""
    taken = [part for fold in folds for part in (fold.train, fold.validation, fold.test)]
    purged = frozen(np.setdiff1d(samples, np.concatenate(taken)))
    return Split(tuple(folds), search or folds[0], purged, carries_verdict)
