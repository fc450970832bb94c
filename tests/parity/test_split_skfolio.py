"""Combinatorial purged cross-validation cuts as skfolio's does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import split

skfolio = pytest.importorskip("skfolio.model_selection")


@pytest.mark.parametrize(("horizon", "context"), [(1, 1), (1, 10), (3, 7), (5, 2)])
@pytest.mark.parametrize("n", [197, 240])
def test_folds_equal_skfolio(horizon: int, context: int, n: int) -> None:
    first = context - 1
    index = pd.bdate_range("2024-01-02", periods=first + n + horizon)
    made = split(index, horizon, first_position=first, kind="cpcv", context_length=context)
    # Its observations are our samples. Labels overlap over horizon - 1 of them.
    theirs = skfolio.CombinatorialPurgedCV(
        n_folds=6, n_test_folds=2, purged_size=horizon - 1, embargo_size=context + horizon
    )
    folds = list(theirs.split(np.zeros((n, 1))))
    assert len(made.folds) == len(folds) == 15
    for mine, (train, tests) in zip(made.folds, folds, strict=True):
        np.testing.assert_array_equal(mine.test - first, np.sort(np.concatenate(tests)))
        # Of its training we keep the last part for validation, purged by horizon - 1 once more.
        held = mine.validation - first
        gap = np.arange(held[0] - horizon + 1, held[0])
        kept = np.concatenate([mine.train - first, np.intersect1d(train, gap), held])
        np.testing.assert_array_equal(kept, train)
        assert len(held) == round(0.15 * len(train))
