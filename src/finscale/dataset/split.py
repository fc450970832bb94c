"""The one splitter: parts that share no future, and the floors below which a cell is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import ConfigError, Floors, RefusedError
from finscale.dataset.features import WARMUP_ROWS, tier_features
from finscale.dataset.indicators import FloatArray

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the samples of each part, ascending, read-only."""

    train: Positions
    validation: Positions
    test: Positions


@dataclass(frozen=True, eq=False)
class Split:
    """The folds of a split (one for chronological), and the samples that no part may have."""

    folds: tuple[Fold, ...]
    purged: Positions


def first_position(tier: str, context_length: int) -> int:
    """Return the first position whose context window lies after the tier's warm-up."""
    tier_features(tier)
    return WARMUP_ROWS[tier] + context_length - 1


def split(
    index: pd.DatetimeIndex,
    horizon: int,
    *,
    first_position: int,
    train_end: date,
    validation_end: date,
) -> Split:
    """Cut samples into training, validation and test by the dates of their label intervals.

    The sample at position t is labelled by bars t+1 … t+horizon. It belongs to the part in which
    this interval lies whole; where it straddles a boundary it is purged, so that no training
    label shares a bar with an evaluation label (M. López de Prado, *Advances in Financial Machine
    Learning*, 2018, section 7.4.1). Its context may reach back into an earlier part. A sample
    whose interval ends beyond the data is in no part and not in `purged`.

    Parameters
    ----------
    index : DatetimeIndex, shape (T,)
        Dates of the bars.
    horizon : int
        Bars ahead that a label looks at.
    first_position : int
        First position that may be a sample (see `first_position`).
    train_end, validation_end : date
        Last dates of the training and the validation part.

    Raises
    ------
    ConfigError
        If a part is left without a sample.
    """
    assert horizon >= 1 and first_position >= 0
    t = np.arange(first_position, len(index) - horizon, dtype=np.int64)
    dates = index.to_numpy()
    begin, end = dates[t + 1], dates[t + horizon]
    train_last, validation_last = (
        pd.Timestamp(day).to_datetime64() for day in (train_end, validation_end)
    )
    in_train = end <= train_last
    in_validation = (begin > train_last) & (end <= validation_last)
    in_test = begin > max(train_last, validation_last)
    fold = Fold(
        train=_frozen(t[in_train]),
        validation=_frozen(t[in_validation]),
        test=_frozen(t[in_test]),
    )
    _check_parts(fold, index, train_end, validation_end)
    return Split((fold,), _frozen(t[~(in_train | in_validation | in_test)]))


def effective_size(n: int, horizon: int) -> int:
    """Count the samples whose label intervals do not overlap: every `horizon`-th of `n`.

    Neighbouring labels share horizon - 1 of their bars and are no independent evidence
    (L. P. Hansen and R. J. Hodrick, *Journal of Political Economy* 88, 1980).
    """
    assert horizon >= 1
    return n // horizon


def check_floors(fold: Fold, labels: FloatArray, horizon: int, floors: Floors) -> None:
    """Refuse a cell whose samples are too few to say anything.

    Parameters
    ----------
    fold : Fold
    labels : array of float, shape (T,)
        Labels of all bars, as `make_labels` returns them.
    horizon : int
    floors : Floors

    Raises
    ------
    RefusedError
        Naming the first figure that lies below its floor.
    """
    y = np.asarray(labels, dtype=np.float64)[fold.validation]
    positives = int((y == 1.0).sum())
    figures = {
        "n_train": len(fold.train),
        "n_validation": len(fold.validation),
        "n_test": len(fold.test),
        "n_minority": min(positives, len(y) - positives),
        "n_effective": effective_size(len(y), horizon),
    }
    for name, value in figures.items():
        floor = getattr(floors, name)
        if value < floor:
            raise RefusedError(
                name,
                expected=f"at least {floor}, the floor",
                got=str(value),
                todo="Take a longer universe, a shorter horizon or another threshold.",
            )


def _frozen(positions: Positions) -> Positions:
    positions.setflags(write=False)
    return positions


def _check_parts(
    fold: Fold, index: pd.DatetimeIndex, train_end: date, validation_end: date
) -> None:
    for part in ("train", "validation", "test"):
        if len(getattr(fold, part)) == 0:
            bars = f"{index[0].date()} to {index[-1].date()}" if len(index) else "none"
            raise ConfigError(
                f"{part} part",
                expected="at least one sample",
                got=f"none with train_end {train_end}, validation_end {validation_end}, "
                f"{len(index)} bars ({bars})",
                todo="Move the universe's dates, or shorten the horizon or the context.",
            )
