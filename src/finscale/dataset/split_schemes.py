"""Schemes of splitting: by dates, by blocks in time, by scattered chunks, by combinations.

The label of the sample at position t is made from the bars t+1 … t+horizon. Each scheme takes the
ascending positions of all samples with a complete label and returns a split; none uses the labels.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from finscale.dataset.folds import Fold, Positions, Split, empty, make_fold, make_split

VALIDATION_SHARE = 0.15
TEST_SHARE = 0.15
CHUNK_SEED = 42
N_GROUPS, N_TEST_GROUPS = 6, 2

Dates = NDArray[np.datetime64]


def chronological(
    samples: Positions,
    horizon: int,
    dates: Dates,
    train_last: np.datetime64,
    validation_last: np.datetime64,
) -> Split:
    """Split by the dates of label intervals; a sample whose interval crosses a boundary is purged.

    M. López de Prado, *Advances in Financial Machine Learning*, 2018, section 7.4.1.
    """
    begin, end = dates[samples + 1], dates[samples + horizon]
    in_train = end <= train_last
    in_validation = (begin > train_last) & (end <= validation_last)
    in_test = begin > max(train_last, validation_last)
    fold = make_fold(samples, samples[in_train], samples[in_validation], samples[in_test])
    return make_split(samples, [fold])


def walk_forward(
    samples: Positions, horizon: int, first_bar: int, n_bars: int, n_blocks: int
) -> Split:
    """Cut the bars from `first_bar` on into blocks; each is forecast from all bars before it.

    The validation part of a block is the last 15 % of the samples before it. Samples after the
    block are in no part of its fold.
    """
    folds = []
    for block in np.array_split(np.arange(first_bar, n_bars), n_blocks):
        begin, end = int(block[0]), int(block[-1]) + 1
        known = samples[samples + horizon < end]
        train, validation = _inner(known[known + horizon < begin], horizon)
        folds.append(make_fold(known, train, validation, known[known + 1 >= begin]))
    first = folds[0]
    before = samples[samples + horizon < first_bar]
    search = make_fold(before, first.train, first.validation, empty())
    return make_split(samples, folds, search=search)


def scattered_chunks(
    samples: Positions,
    horizon: int,
    context_length: int,
    rows: tuple[int, int],
    *,
    one_each: bool,
) -> Split:
    """Assign whole chunks of context + horizon bars to the parts, 15 % each for evaluation.

    An earlier study with 19 validation samples split in this way. Training also uses bars after
    evaluated chunks, so it keeps a distance of context + horizon bars to them (embargo), and the
    split carries no verdict. `rows` is the half-open range that the chunks fill; an incomplete
    chunk at its end is purged.
    """
    (origin, end), length = rows, context_length + horizon
    n_chunks = max(0, (end - origin) // length)
    order = np.random.default_rng(CHUNK_SEED).permutation(n_chunks)
    n_validation, n_test = (round(share * n_chunks) for share in (VALIDATION_SHARE, TEST_SHARE))
    validation, test = np.split(order[: n_validation + n_test], [n_validation])

    chunk = (samples + horizon - origin) // length
    whole = (chunk == (samples + 1 - origin) // length) & (chunk < n_chunks)
    if one_each:  # the sample whose context and label together fill the chunk
        whole &= samples == origin + chunk * length + context_length - 1
    last_bars = np.sort(origin + (np.concatenate([validation, test]) + 1) * length - 1)
    evaluated = np.isin(chunk, validation) | np.isin(chunk, test)
    in_train = whole & ~evaluated & ~_embargoed(samples, last_bars, context_length + horizon)
    fold = make_fold(
        samples,
        samples[in_train],
        samples[whole & np.isin(chunk, validation)],
        samples[whole & np.isin(chunk, test)],
    )
    return make_split(samples, [fold])


def combinatorial(samples: Positions, horizon: int, context_length: int) -> Split:
    """Test on every pair of six groups of samples, and train on the rest, purged and embargoed.

    This is combinatorial purged cross-validation (M. López de Prado, *Advances in Financial Machine
    Learning*, 2018, section 12.4). It defines no validation part; here this is the last 15 % of
    the training samples.
    """
    size = len(samples) // N_GROUPS
    group = np.minimum(np.arange(len(samples)) // max(size, 1), N_GROUPS - 1)
    folds = [
        _combination(samples, group, pair, horizon, context_length + horizon)
        for pair in combinations(range(N_GROUPS), N_TEST_GROUPS)
    ]
    return make_split(samples, folds)


def _combination(
    samples: Positions, group: Positions, pair: tuple[int, ...], horizon: int, embargo: int
) -> Fold:
    in_test = np.isin(group, pair)
    in_train = ~in_test
    tested = [samples[group == number] for number in pair if (group == number).any()]
    for block in tested:
        in_train &= (samples <= block[0] - horizon) | (samples >= block[-1] + horizon)
    last_bars = np.array([block[-1] + horizon for block in tested], dtype=np.int64)
    in_train &= ~_embargoed(samples, last_bars, embargo)
    train, validation = _inner(samples[in_train], horizon)
    return make_fold(samples, train, validation, samples[in_test])


def _inner(before: Positions, horizon: int) -> tuple[Positions, Positions]:
    """Keep the last 15 % for validation; purge training labels that reach into it."""
    n_validation = round(VALIDATION_SHARE * len(before))
    validation = before[len(before) - n_validation :]
    train = before[: len(before) - n_validation]
    return (
        (train[train + horizon <= validation[0]], validation) if n_validation else (train, empty())
    )


def _embargoed(samples: Positions, last_bars: Positions, embargo: int) -> NDArray[np.bool_]:
    """Mark the samples less than `embargo` bars after one of the (ascending) last bars."""
    if len(last_bars) == 0:
        return np.zeros(len(samples), dtype=np.bool_)
    nearest = np.searchsorted(last_bars, samples, side="right") - 1
    since = samples - last_bars[np.maximum(nearest, 0)]
    return np.asarray((nearest >= 0) & (since < embargo))
