"""The VIX tier: eight columns from the closes of the volatility index."""

from __future__ import annotations

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view

from finscale.dataset.catalogue.feature import LEVEL, PERCENT, PURE, Feature, UnitRule
from finscale.dataset.indicators import BarArrays, FloatArray, Indicator

CALM, FRIGHTENED = 15.0, 25.0
PERCENTILE_BARS = 60


def vix_close(bars: BarArrays) -> FloatArray:
    """Return the close itself: annualised volatility in per cent."""
    return bars.close


def percentile(bars: BarArrays) -> FloatArray:
    """Return the percentage of the 59 previous closes that lie strictly below this one."""
    before = PERCENTILE_BARS - 1
    shares = np.full(len(bars.close), np.nan)
    if len(bars.close) >= PERCENTILE_BARS:
        windows = sliding_window_view(bars.close, PERCENTILE_BARS)
        below = (windows[:, :-1] < windows[:, -1:]).sum(axis=1)
        shares[before:] = 100.0 * below / before
    return shares


def zscore(bars: BarArrays, window: int = 20) -> FloatArray:
    """Return the distance of the close from the mean of `window`, in standard deviations (ddof 1).

    It is zero where the window does not vary.
    """
    scores = np.full(len(bars.close), np.nan)
    if len(bars.close) >= window:
        windows = sliding_window_view(bars.close, window)
        apart = bars.close[window - 1 :] - windows.mean(axis=1)
        # Rounding errors make the standard deviation of equal values nonzero.
        varies = np.ptp(windows, axis=1) > 0.0
        deviation = np.where(varies, windows.std(axis=1, ddof=1), 1.0)
        scores[window - 1 :] = np.where(varies, apart / deviation, 0.0)
    return scores


def regime(bars: BarArrays) -> FloatArray:
    """Return 0 below 15, 1 from 15 to below 25, 2 from 25 on."""
    return np.digitize(bars.close, (CALM, FRIGHTENED)).astype(np.float64)


def sma(period: int) -> Indicator:
    """Return the moving average of the close."""
    return lambda bars: talib.SMA(bars.close, period)


def change(period: int) -> Indicator:
    """Return the change of the close over `period` bars, in per cent."""
    return lambda bars: talib.ROC(bars.close, period)


def _vix(name: str, formula: str, warmup: int, unit_rule: UnitRule, compute: Indicator) -> Feature:
    return Feature(
        name=f"vix_{name}",
        group="vix",
        formula=formula,
        inputs=("close",),
        parameters=(),
        warmup=warmup,
        unit_rule=unit_rule,
        compute=compute,
    )


VIX = (
    _vix("close", "close of the VIX", 0, PERCENT, vix_close),
    _vix("sma_10", "TA-Lib SMA(close, 10)", 9, LEVEL, sma(10)),
    _vix("sma_20", "TA-Lib SMA(close, 20)", 19, LEVEL, sma(20)),
    _vix("percentile_60", "share of the 59 closes before below it, × 100", 59, PERCENT, percentile),
    _vix("zscore_20", "(close - mean of 20) / standard deviation of 20", 19, PURE, zscore),
    _vix("regime", "0 below 15, 1 below 25, 2 from 25 on", 0, PURE, regime),
    _vix("change_1", "TA-Lib ROC(close, 1)", 1, PERCENT, change(1)),
    _vix("change_5", "TA-Lib ROC(close, 5)", 5, PERCENT, change(5)),
)
