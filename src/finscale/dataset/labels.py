"""What is predicted: one versioned definition for every model, baseline and report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from finscale.config import Task, load_task

# Goes up whenever a label's definition changes; written on every run.
LABEL_VERSION = "1"


def make_labels(bars: pd.DataFrame, task: Task | str, horizon: int) -> pd.Series[float]:
    """Label each bar by whether a high of the next `horizon` bars reaches the threshold.

    y(t) = 1 if max(high(t+1) … high(t+h)) >= close(t) · (1 + rise), else 0.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        Validated bars.
    task : Task or str
        A task, or the name of a file in ``configs/tasks``.
    horizon : int
        h, in bars.

    Returns
    -------
    Series of float64, shape (T,)
        1.0 or 0.0 on the same index; NaN in the last `horizon` rows.

    Raises
    ------
    ConfigError
        If the task is unknown.
    """
    rise = load_task(task).rise
    assert horizon >= 1, "a label looks at least one bar ahead"
    labels = np.full(len(bars), np.nan)
    known = len(bars) - horizon
    if known > 0:
        highest = sliding_window_view(bars["high"].to_numpy()[1:], horizon).max(axis=1)
        threshold = bars["close"].to_numpy()[:known] * (1.0 + rise)
        labels[:known] = highest >= threshold
    return pd.Series(labels, index=bars.index, name="label")
