"""The splitter: training, validation and test parts whose label intervals do not overlap."""

from __future__ import annotations

from datetime import date
from typing import get_args

import numpy as np
import pandas as pd

from finscale.config import N_BLOCKS, ChunkSamples, ConfigError, SplitKind, unknown
from finscale.dataset.folds import Split
from finscale.dataset.split_schemes import (
    chronological,
    combinatorial,
    scattered_chunks,
    walk_forward,
)

DIAGNOSTIC_SPLITS: tuple[SplitKind, ...] = ("chunk", "cpcv")
"""Splits that train on bars after an evaluated block, so that they carry no verdict."""


def split(
    index: pd.DatetimeIndex,
    horizon: int,
    *,
    first_position: int,
    train_end: date | None = None,
    validation_end: date | None = None,
    kind: SplitKind = "chronological",
    evaluation_start: date | None = None,
    n_blocks: int = N_BLOCKS,
    context_length: int | None = None,
    samples_per_chunk: ChunkSamples = "all",
) -> Split:
    """Split samples into training, validation and test by their label intervals.

    The label of the sample at position t is made from the bars t+1 … t+horizon. The sample belongs
    to the part that contains this whole interval. If the interval crosses a boundary, the sample is
    purged, so that no training label shares a bar with an evaluation label. Its context may reach
    back into an earlier part. A sample whose interval ends after the data is in no part and not in
    `purged`.

    Parameters
    ----------
    index : DatetimeIndex, shape (T,)
        Dates of the bars.
    horizon : int
        How many bars ahead a label looks.
    first_position : int
        First position that may be a sample (see `first_position`).
    train_end, validation_end : date
        Last dates of the training and the validation part, for ``chronological``.
    kind : {"chronological", "walk-forward", "chunk", "cpcv"}
        ``chronological``: three parts, one after another. ``walk-forward``: the bars from
        `evaluation_start` on in `n_blocks` blocks, each forecast from all bars before it.
        ``chunk``: scattered chunks of context + horizon bars, each with `samples_per_chunk`
        samples. ``cpcv``: combinatorial purged cross-validation. The last two carry no verdict.
    context_length : int
        Bars in a window, for ``chunk`` and ``cpcv``: training keeps a distance of context +
        horizon bars after evaluated bars.

    Raises
    ------
    ConfigError
        If the kind is unknown, a part is left without a sample, or `evaluation_start` lies
        outside the data.

    Examples
    --------
    >>> from datetime import date
    >>> import pandas as pd
    >>> from finscale.dataset import split
    >>> days = pd.date_range("2024-01-01", periods=12)
    >>> found = split(
    ...     days,
    ...     2,
    ...     first_position=1,
    ...     train_end=date(2024, 1, 6),
    ...     validation_end=date(2024, 1, 9),
    ... )
    >>> (fold,) = found.folds
    >>> fold.train, fold.validation, fold.test
    (array([1, 2, 3]), array([5, 6]), array([8, 9]))
    >>> found.purged  # their labels lie on both sides of a boundary
    array([4, 7])
    """
    assert horizon >= 1 and first_position >= 0
    samples = np.arange(first_position, len(index) - horizon, dtype=np.int64)
    if kind == "chronological":
        assert train_end is not None and validation_end is not None, "it cuts by these dates"
        how = f"horizon {horizon}, train_end {train_end}, validation_end {validation_end}"
        ends = (_datetime64(train_end), _datetime64(validation_end))
        made = chronological(samples, horizon, index.to_numpy(), *ends)
    elif kind == "walk-forward":
        assert evaluation_start is not None, "it begins on this day"
        how = f"horizon {horizon}, evaluation_start {evaluation_start}, {n_blocks} blocks"
        first_bar = _first_bar(index, evaluation_start, n_blocks)
        made = walk_forward(samples, horizon, first_bar, len(index), n_blocks)
    elif kind in ("chunk", "cpcv"):
        assert context_length is not None, "it keeps a distance of context + horizon"
        how = f"horizon {horizon}, context {context_length}"
        if kind == "cpcv":
            made = combinatorial(samples, horizon, context_length)
        else:
            origin = first_position - context_length + 1
            one_each = samples_per_chunk == "one"
            made = scattered_chunks(
                samples, horizon, context_length, (origin, len(index)), one_each=one_each
            )
    else:
        raise unknown("split", kind, get_args(SplitKind))
    _check_parts(made, index, how)
    return made


def _datetime64(day: date) -> np.datetime64:
    return pd.Timestamp(day).to_datetime64()


def _first_bar(index: pd.DatetimeIndex, evaluation_start: date, n_blocks: int) -> int:
    """Return the position of the first evaluated bar."""
    first = int(np.searchsorted(index.to_numpy(), _datetime64(evaluation_start)))
    if first == 0 or len(index) - first < n_blocks:
        raise ConfigError(
            "evaluation_start",
            expected=f"a day after the first session, with {n_blocks} sessions or more from it on",
            got=f"{evaluation_start} in {_bars(index)}",
            todo="Move the universe's evaluation_start, or take fewer blocks.",
        )
    return first


def _check_parts(made: Split, index: pd.DatetimeIndex, how: str) -> None:
    for number, fold in enumerate(made.folds, start=1):
        where = f" of fold {number}" if len(made.folds) > 1 else ""
        for part in ("train", "validation", "test"):
            if len(getattr(fold, part)) == 0:
                raise ConfigError(
                    f"{part} part{where}",
                    expected="at least one sample",
                    got=f"none with {how}, {_bars(index)}",
                    todo="Give bars that reach into it or move the universe's dates; shorten "
                    "horizon or context, take finer bars or fewer blocks.",
                )


def _bars(index: pd.DatetimeIndex) -> str:
    span = f"{index[0].date()} to {index[-1].date()}" if len(index) else "none"
    return f"{len(index)} bars ({span})"
