"""Rules that take the price level and the size of the market out of a feature; all causal.

Each takes the feature's values, the close and the mean volume of the last 20 bars, all of shape
(T,), and gives values of shape (T,) without unit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finscale.dataset.indicators import FloatArray

Rule = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def distance_to_close(values: FloatArray, close: FloatArray, _: FloatArray) -> FloatArray:
    """Give value / close - 1."""
    return values / close - 1.0


def log_return(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Give log(value / value one bar before)."""
    return np.diff(np.log(values), prepend=np.nan)


def log_relative_volume(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Give log((value + 1) / (mean volume + 1)): adding one keeps days without trade finite."""
    return np.log((values + 1.0) / (mean_volume + 1.0))


def change_in_volumes(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Give (value - value one bar before) / (mean volume + 1)."""
    return np.diff(values, prepend=np.nan) / (mean_volume + 1.0)


def in_volumes(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Give value / (mean volume + 1)."""
    return values / (mean_volume + 1.0)


def in_turnover(values: FloatArray, close: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Give value / (close * (mean volume + 1))."""
    return values / (close * (mean_volume + 1.0))


def share_of_close(values: FloatArray, close: FloatArray, _: FloatArray) -> FloatArray:
    """Give value / close."""
    return values / close


def percent(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Give value / 100."""
    return values / 100.0


def unchanged(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Give the value itself."""
    return values
