"""Indicators of tier a20 as TA-Lib computes them; all look back only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TRAILING = 20


@dataclass(frozen=True, eq=False)
class BarArrays:
    """Bars as float64 arrays of shape (T,), and each session's day number since 1970."""

    day: NDArray[np.int64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


Indicator = Callable[[BarArrays], FloatArray]


def as_arrays(bars: pd.DataFrame) -> BarArrays:
    """Take validated bars apart."""
    columns = {name: bars[name].to_numpy(dtype=np.float64, copy=True) for name in bars.columns}
    day = bars.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return BarArrays(day=day, **columns)


def dema(period: int) -> Indicator:
    """Double exponential moving average of the close: 2 EMA - EMA(EMA)."""
    return lambda bars: talib.DEMA(bars.close, period)


def sma(period: int) -> Indicator:
    """Return the moving average of the close."""
    return lambda bars: talib.SMA(bars.close, period)


def rsi(bars: BarArrays) -> FloatArray:
    """Wilder's relative strength index, 14 bars, 0 to 100."""
    return talib.RSI(bars.close, 14)


def stochrsi(bars: BarArrays) -> FloatArray:
    """%K of the stochastic of the RSI (TA-Lib STOCHRSI 14, 5, 3, SMA), 0 to 100."""
    return _stochrsi(bars.close)


def rsi_weekly(bars: BarArrays) -> FloatArray:
    """`rsi` of the closes of finished weeks."""
    return last_finished_week(bars, lambda close: talib.RSI(close, 14))


def stochrsi_weekly(bars: BarArrays) -> FloatArray:
    """`stochrsi` of the closes of finished weeks."""
    return last_finished_week(bars, _stochrsi)


def macd_line(bars: BarArrays) -> FloatArray:
    """MACD line 12/26 (the signal of 9 sets only where it starts), price units."""
    line, _, _ = talib.MACD(bars.close, 12, 26, 9)
    return line


def obv(bars: BarArrays) -> FloatArray:
    """On-balance volume, units traded since the first bar."""
    return talib.OBV(bars.close, bars.volume)


def adosc(bars: BarArrays) -> FloatArray:
    """Chaikin oscillator: EMA 3 less EMA 10 of accumulation/distribution, units traded."""
    return talib.ADOSC(bars.high, bars.low, bars.close, bars.volume, 3, 10)


def atr(bars: BarArrays) -> FloatArray:
    """Wilder's average true range, 14 bars, price units."""
    return talib.ATR(bars.high, bars.low, bars.close, 14)


def adx(bars: BarArrays) -> FloatArray:
    """Wilder's average directional index, 14 bars, 0 to 100."""
    return talib.ADX(bars.high, bars.low, bars.close, 14)


def bb_percent_b(bars: BarArrays) -> FloatArray:
    """Place of the close within Bollinger's bands (20, 2, 2): 0 at the lower, 1 at the upper."""
    upper, _, lower = talib.BBANDS(bars.close, TRAILING, 2.0, 2.0)
    width = upper - lower
    # Twenty equal closes have bands of no width: the close is then in their middle.
    inside = np.where(np.isnan(width), np.nan, 0.5)
    return np.divide(bars.close - lower, width, out=inside, where=width > 0)


def vwap(bars: BarArrays) -> FloatArray:
    """Volume-weighted mean close of 20 bars; the plain mean where nothing was traded."""
    volume = trailing_sum(bars.volume)
    plain = trailing_sum(bars.close) / TRAILING
    return np.divide(trailing_sum(bars.close * bars.volume), volume, out=plain, where=volume > 0)


def trailing_sum(values_T: FloatArray, window: int = TRAILING) -> FloatArray:
    """Sum the last `window` values; NaN before there are as many.

    Each window is summed anew: a running sum would leave the rounding error of a large volume in
    every later window, and zero would no longer be zero.
    """
    sums = np.full(len(values_T), np.nan)
    sums[window - 1 :] = sliding_window_view(values_T, window).sum(axis=1)
    return sums


def last_finished_week(
    bars: BarArrays, indicator: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Compute `indicator` on weekly closes; each session sees the last week that is over.

    Weeks run from Monday to Sunday. A Friday does not see its own week, even when it is the
    week's last session: that nothing follows is known only afterwards.
    """
    # 1970-01-01 was a Thursday: three days before it, a week began.
    week = (bars.day + 3) // 7
    last_session = np.flatnonzero(np.append(np.diff(week) > 0, True))
    weekly = indicator(bars.close[last_session])
    finished = np.searchsorted(week[last_session], week) - 1
    return np.where(finished >= 0, weekly[finished], np.nan)


def _stochrsi(close: FloatArray) -> FloatArray:
    fast_k, _ = talib.STOCHRSI(close, 14, 5, 3)
    return fast_k
