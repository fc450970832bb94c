"""How samples are cut: by dates, by blocks in time, by scattered chunks, by combinations.

The sample at position t is labelled by bars t+1 … t+horizon. Each scheme takes all samples with a
whole label, ascending, and gives a split; none looks at a label.
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
    """Cut by the dates of label intervals; one that straddles a boundary is purged.

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
    """Cut the bars from `first_bar` into blocks; each is forecast from what was known before it.

    A block's validation is the last 15 % of everything before the block. What lies after the
    block is in no part of its fold.
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
    """Scatter whole chunks of context + horizon bars over the parts, 15 % each for evaluation.

    What a study of 19 validation samples did. Training goes on after evaluated chunks, so it
    keeps a distance of context + horizon to them (embargo) and carries no verdict. Chunks fill
    `rows`, from the first to the last but one; an incomplete one at the end is purged.
    """
    (origin, end), length = rows, context_length + horizon
    n_chunks = max(0, (end - origin) // length)
    order = np.random.default_rng(CHUNK_SEED).permutation(n_chunks)
    n_validation, n_test = (round(share * n_chunks) for share in (VALIDATION_SHARE, TEST_SHARE))
    validation, test = np.split(order[: n_validation + n_test], [n_validation])

    chunk = (samples + horizon - origin) // length
    whole = (chunk == (samples + 1 - origin) // length) & (chunk < n_chunks)
    if one_each:  # the one whose context fills the chunk up to its label
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
    return make_split(samples, [fold], carries_verdict=False)


def combinatorial(samples: Positions, horizon: int, context_length: int) -> Split:
    """Test every pair of six groups of samples, and train on the rest, purged and embargoed.

    Combinatorial purged cross-validation (M. López de Prado, *Advances in Financial Machine
    Learning*, 2018, section 12.4), which has no validation part: it is the last 15 % of what it
    would train on.
    """
    size = len(samples) // N_GROUPS
    group = np.minimum(np.arange(len(samples)) // max(size, 1), N_GROUPS - 1)
    folds = [
        _combination(samples, group, pair, horizon, context_length + horizon)
        for pair in combinations(range(N_GROUPS), N_TEST_GROUPS)
    ]
    return make_split(samples, folds, carries_verdict=False)


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
    """Tell which samples lie less than `embargo` after one of the (ascending) last bars."""
    if len(last_bars) == 0:
        return np.zeros(len(samples), dtype=np.bool_)
    nearest = np.searchsorted(last_bars, samples, side="right") - 1
    since = samples - last_bars[np.maximum(nearest, 0)]
    return np.asarray((nearest >= 0) & (since < embargo))
