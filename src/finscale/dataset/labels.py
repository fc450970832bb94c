"""Labels: their versioned definition, the same for every model, baseline and report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from finscale.config import LabelPrice, Task, load_task
from finscale.dataset.indicators import FloatArray

# Raise this version whenever the definition of a label changes; it is written on every run.
LABEL_VERSION = "1"
SHUFFLE_SEED = 42


def make_labels(
    bars: pd.DataFrame, task: Task | str, horizon: int, label_price: LabelPrice = "high"
) -> pd.Series[float]:
    """Label each bar by the prices of the next `horizon` bars.

    Threshold: y(t) = 1 if max(price(t+1) … price(t+h)) >= close(t) · (1 + rise), else 0.
    Direction: y(t) = 1 if close(t+h) > close(t), else 0.
    Regression: y(t) = log(close(t+h) / close(t)).

    Controls (``shuffle``): these labels with whole blocks in another order.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        Validated bars.
    task : Task or str
        A task, or the name of a file in ``configs/tasks``.
    horizon : int
        h, in bars.
    label_price : {"high", "close"}
        The price that must reach the threshold. Direction and regression use the close.

    Returns
    -------
    Series of float64, shape (T,)
        On the same index; NaN in the last `horizon` rows.

    Raises
    ------
    ConfigError
        If the task is unknown.

    Examples
    --------
    >>> from finscale.dataset import make_labels
    >>> from finscale.market import load_bars
    >>> labels = make_labels(load_bars("sp500", "data"), "threshold_1pct", horizon=3)
    >>> labels.tail(5)
    date
    2018-12-24    1.0
    2018-12-26    1.0
    2018-12-27    NaN
    2018-12-28    NaN
    2018-12-31    NaN
    Name: label, dtype: float64
    >>> float(labels.mean().round(3))
    0.455
    """
    task = load_task(task)
    assert horizon >= 1, "a label looks at least one bar ahead"
    labels = np.full(len(bars), np.nan)
    known = len(bars) - horizon
    if known > 0:
        close = bars["close"].to_numpy()
        today, later = close[:known], close[horizon:]
        if task.kind == "threshold":
            assert task.rise is not None and label_price in ("high", "close")
            reached = _highest(bars[label_price].to_numpy(), horizon)
            labels[:known] = reached >= today * (1.0 + task.rise)
        elif task.kind == "direction":
            labels[:known] = later > today
        else:
            labels[:known] = np.log(later / today)
        if task.shuffle:
            labels[:known] = _shuffled(labels[:known], task.shuffle)
    return pd.Series(labels, index=bars.index, name="label")


def _shuffled(labels: FloatArray, block_length: int) -> FloatArray:
    """Put blocks into a fixed random order; an incomplete last block stays in place."""
    n_blocks = len(labels) // block_length
    order = np.random.default_rng(SHUFFLE_SEED).permutation(n_blocks)
    whole = labels[: n_blocks * block_length].reshape(n_blocks, block_length)
    return np.concatenate([whole[order].ravel(), labels[n_blocks * block_length :]])


def _highest(price: FloatArray, horizon: int) -> FloatArray:
    """Return the highest price of the next `horizon` bars, for all bars that have as many."""
    return np.asarray(sliding_window_view(price[1:], horizon).max(axis=1))
