"""Rules that remove the price level and the size of the market from a feature; all causal.

Each rule takes the feature's values, the close and the mean volume of the last 20 bars, all of
shape (T,), and returns values of shape (T,) without unit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finscale.dataset.indicators import FloatArray, ratio, relative

Rule = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def distance_to_close(values: FloatArray, close: FloatArray, _: FloatArray) -> FloatArray:
    """Return value / close - 1."""
    return values / close - 1.0


def log_return(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Return log(value / value one bar before)."""
    return np.diff(np.log(values), prepend=np.nan)


def log_relative_volume(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Return log(value / mean volume), within ±log 10,000 so that days without trade are finite."""
    return np.log(relative(values, mean_volume))


def change_in_volumes(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Return (value - value one bar before) / mean volume; 0 where nothing was traded."""
    return ratio(np.diff(values, prepend=np.nan), mean_volume)


def in_volumes(values: FloatArray, _: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Return value / mean volume; 0 where nothing was traded."""
    return ratio(values, mean_volume)


def in_turnover(values: FloatArray, close: FloatArray, mean_volume: FloatArray) -> FloatArray:
    """Return value / (close * mean volume); 0 where nothing was traded."""
    return ratio(values / close, mean_volume)


def share_of_close(values: FloatArray, close: FloatArray, _: FloatArray) -> FloatArray:
    """Return value / close."""
    return values / close


def percent(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Return value / 100."""
    return values / 100.0


def unchanged(values: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    """Return the value itself."""
    return values
