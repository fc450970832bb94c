"""Stacked bars of several tickers, on which a pooled model is trained.

The target comes first, so its positions in the stack are those in its own bars.

Legend: `T` bars of all tickers, `C` channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.dataset import Fold, fit_scaler, pool_end, pooled_positions

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TickerBars:
    """One ticker of a stack.

    Attributes
    ----------
    index : DatetimeIndex
        Dates of its bars.
    labels : ndarray of float64
        Labels of its bars; NaN where the future is not known yet.
    read : callable
        Returns its stationary, unscaled inputs on the same index.
    """

    index: pd.DatetimeIndex
    labels: NDArray[np.float64]
    read: Callable[[], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Stack:
    """The target's bars, followed by those of the tickers that it is pooled with."""

    tickers: tuple[TickerBars, ...]

    def labels(self) -> NDArray[np.float64]:
        """Return the labels of all bars, shape (T,)."""
        return np.concatenate([ticker.labels for ticker in self.tickers])

    def dates(self) -> NDArray[np.datetime64]:
        """Return the dates of all bars, shape (T,)."""
        return np.concatenate([ticker.index.to_numpy() for ticker in self.tickers])

    def training_rows(
        self, at: Fold, horizon: int, first_position: int, *, is_whole: bool = True
    ) -> list[Positions]:
        """Return each ticker's training samples as positions in its own bars.

        Parameters
        ----------
        is_whole : bool
            False if the target's training part is only the most recent share of its days: other
            tickers then begin with it, too.
        """
        index = self.tickers[0].index
        before = pool_end(index, at)
        since = None if is_whole else index[int(at.train[0])]
        pooled = [
            pooled_positions(
                ticker.index, horizon, first_position=first_position, before=before, since=since
            )
            for ticker in self.tickers[1:]
        ]
        return [at.train, *pooled]

    def joined(self, at: Fold, rows: Sequence[Positions]) -> Fold:
        """Return the target's fold with the training samples of all tickers."""
        sizes = [len(ticker.index) for ticker in self.tickers]
        starts = np.cumsum([0, *sizes[:-1]])
        train = np.concatenate([start + mine for start, mine in zip(starts, rows, strict=True)])
        train.setflags(write=False)
        return replace(at, train=train)

    def scaled(self, rows: Sequence[Positions]) -> NDArray[np.float32]:
        """Scale each ticker on its own training rows, into an array of shape (T, C).

        Tickers are read one at a time, so only one is in memory beside the result. Rows of a
        ticker without training samples stay zero.
        """
        sizes = [len(ticker.index) for ticker in self.tickers]
        ends = np.cumsum(sizes)
        stack_TC: NDArray[np.float32] | None = None
        for ticker, mine, end in zip(self.tickers, rows, ends, strict=True):
            if len(mine) == 0:
                continue
            inputs = ticker.read()
            if stack_TC is None:
                stack_TC = np.zeros((int(ends[-1]), inputs.shape[1]), dtype=np.float32)
            scaler = fit_scaler(inputs, mine)
            stack_TC[end - len(inputs) : end] = scaler.transform(inputs.to_numpy())
        assert stack_TC is not None, "the target trains on something"
        return stack_TC
