"""Trend: the price relative to its averages, and the strength of its direction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import talib

from finscale.dataset.catalogue.feature import (
    PERCENT,
    PURE,
    SPAN,
    Feature,
    UnitRule,
    from_talib,
)
from finscale.dataset.indicators import BarArrays, FloatArray, lagged, mean, ratio

HL = ("high", "low")
HLC = ("high", "low", "close")
OHLC = ("open", "high", "low", "close")
_talib = partial(from_talib, "trend")


def average_gap(fast: int, slow: int) -> Feature:
    """Fast exponential average over the slow one, minus one."""
    parameters = (("fastperiod", fast), ("slowperiod", slow), ("matype", 1))
    return _talib(f"ppo_{fast}_{slow}", talib.PPO, ("close",), parameters, slow - 1, PERCENT)


def simple_gap(fast: int, slow: int) -> Feature:
    """Fast simple average over the slow one, minus one."""
    parameters = (("fastperiod", fast), ("slowperiod", slow), ("matype", 0))
    return _talib(f"sma_gap_{fast}_{slow}", talib.PPO, ("close",), parameters, slow - 1, PERCENT)


def slope(period: int) -> Feature:
    """Slope of the least-squares line through the closes."""
    return _average("slope", talib.LINEARREG_SLOPE, period, period - 1, SPAN)


def average_change(period: int, bars_back: int) -> Feature:
    """Relative change of a simple average over some bars."""

    def compute(bars: BarArrays) -> FloatArray:
        average = mean(bars.close, period)
        return average / lagged(average, bars_back) - 1.0

    return Feature(
        f"sma_change_{period}_{bars_back}",
        "trend",
        f"SMA {period} / SMA {period} of {bars_back} bars ago - 1",
        ("close",),
        (("period", period), ("back", bars_back)),
        period - 1 + bars_back,
        PURE,
        compute,
    )


def time_correlation(period: int) -> Feature:
    """Correlation of log close and time: the straightness of the trend."""

    def compute(bars: BarArrays) -> FloatArray:
        time = np.arange(len(bars.close), dtype=np.float64)
        # Subtract the first value, because the level of the logarithm would cost precision.
        straight = talib.CORREL(bars.log_close - bars.log_close[0], time, period)
        return np.clip(straight, -1.0, 1.0)

    return Feature(
        f"time_corr_{period}",
        "trend",
        f"correlation of ln close and time over {period}",
        ("close",),
        (("period", period),),
        period - 1,
        PURE,
        compute,
    )


def adx(period: int) -> Feature:
    """Average directional index (Wilder 1978)."""
    return _directional("adx", talib.ADX, period, 2 * period - 1)


def adxr(period: int) -> Feature:
    """Mean of the average directional index and its value a period ago (Wilder 1978)."""
    return _directional("adxr", talib.ADXR, period, 3 * period - 2)


def dx(period: int) -> Feature:
    """Directional index without averaging (Wilder 1978)."""
    return _directional("dx", talib.DX, period, period)


def plus_di(period: int) -> Feature:
    """Upward directional movement as a share of the true range (Wilder 1978)."""
    return _directional("plus_di", talib.PLUS_DI, period, period)


def minus_di(period: int) -> Feature:
    """Downward directional movement as a share of the true range (Wilder 1978)."""
    return _directional("minus_di", talib.MINUS_DI, period, period)


def vortex_up(period: int) -> Feature:
    """Upward vortex (Botes and Siepman 2010)."""
    parameters = (("timeperiod", period),)
    return _talib(f"vortex_up_{period}", talib.VORTEX, HLC, parameters, period, PURE, 0)


def vortex_down(period: int) -> Feature:
    """Downward vortex (Botes and Siepman 2010)."""
    parameters = (("timeperiod", period),)
    return _talib(f"vortex_down_{period}", talib.VORTEX, HLC, parameters, period, PURE, 1)


def aroon_up(period: int) -> Feature:
    """Aroon up: how recent the highest high is (Chande 1995)."""
    parameters = (("timeperiod", period),)
    return _talib(f"aroon_up_{period}", talib.AROON, HL, parameters, period, PERCENT, 1)


def aroon_down(period: int) -> Feature:
    """Aroon down: how recent the lowest low is (Chande 1995)."""
    parameters = (("timeperiod", period),)
    return _talib(f"aroon_down_{period}", talib.AROON, HL, parameters, period, PERCENT, 0)


def efficiency(period: int) -> Feature:
    """Efficiency ratio: net move as a share of the path length (Kaufman 1995)."""
    return _average("efficiency", talib.ER, period, period, PURE)


def vertical_filter(period: int) -> Feature:
    """Range of the closes as a share of the path length (White 1991)."""

    def compute(bars: BarArrays) -> FloatArray:
        low, high = talib.MINMAX(bars.close, period)
        way = talib.SUM(np.abs(np.diff(bars.close, prepend=np.nan)), period)
        return np.clip(ratio(high - low, way), 0.0, 1.0)

    # TA-Lib's VHF gives the same values, but sums every window separately.
    return Feature(
        f"vhf_{period}",
        "trend",
        f"(highest - lowest close of {period}) / sum of |change of close| of {period} (White 1991)",
        ("close",),
        (("period", period),),
        period,
        PURE,
        compute,
    )


def channel_place(period: int) -> Feature:
    """Place of the close within the closes of a period, 0 at the lowest close."""

    def compute(bars: BarArrays) -> FloatArray:
        low, high = talib.MINMAX(bars.close, period)
        return ratio(bars.close - low, high - low, empty=0.5)

    return Feature(
        f"channel_place_{period}",
        "trend",
        f"(close - lowest close of {period}) / (highest - lowest)",
        ("close",),
        (("period", period),),
        period - 1,
        PURE,
        compute,
    )


def above_share(period: int, window: int) -> Feature:
    """Share of recent closes above their simple average."""

    def compute(bars: BarArrays) -> FloatArray:
        average = mean(bars.close, period)
        # Allow for rounding errors, which separate equal closes from their average.
        above = np.where(np.isnan(average), np.nan, bars.close - average > 1e-12 * average)
        return mean(above, window)

    return Feature(
        f"above_sma_{period}_{window}",
        "trend",
        f"share of the last {window} closes above their SMA {period}",
        ("close",),
        (("period", period), ("window", window)),
        period + window - 2,
        PURE,
        compute,
    )


def heikin_ashi(window: int) -> Feature:
    """Mean body of Heikin-Ashi bars (Valcu 2004)."""

    def compute(bars: BarArrays) -> FloatArray:
        opening, _, _, close = talib.HA(bars.open, bars.high, bars.low, bars.close)
        return mean(close - opening, window)

    return Feature(
        f"heikin_ashi_{window}",
        "trend",
        f"mean of {window} of TA-Lib HA close - HA open",
        OHLC,
        (("window", window),),
        window - 1,
        SPAN,
        compute,
    )


def keltner_place(period: int) -> Feature:
    """Place of the close within Keltner's channel, 0 at the lower line (Keltner 1960)."""

    def compute(bars: BarArrays) -> FloatArray:
        upper, _, lower = talib.KC(bars.high, bars.low, bars.close, period, period, 2.0)
        return ratio(bars.close - lower, upper - lower, empty=0.5)

    return Feature(
        f"keltner_place_{period}",
        "trend",
        f"(close - lower) / (upper - lower) of TA-Lib KC({period}, {period}, 2)",
        HLC,
        (("period", period),),
        period,
        PURE,
        compute,
    )


def _average(
    name: str, function: Callable[..., Any], period: int, warmup: int, unit_rule: UnitRule
) -> Feature:
    parameters = (("timeperiod", period),)
    return _talib(f"{name}_{period}", function, ("close",), parameters, warmup, unit_rule)


def _directional(name: str, function: Callable[..., Any], period: int, warmup: int) -> Feature:
    return _talib(f"{name}_{period}", function, HLC, (("timeperiod", period),), warmup, PERCENT)
