"""Moving averages and trend lines, whose distance to the price shows the trend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import talib

from finscale.dataset.catalogue.feature import LEVEL, Feature, Parameters, from_talib
from finscale.dataset.indicators import lagged

HL = ("high", "low")
HLC = ("high", "low", "close")


def sma(period: int) -> Feature:
    """Simple moving average."""
    return _average("sma", talib.SMA, period, period - 1)


def ema(period: int) -> Feature:
    """Exponential moving average."""
    return _average("ema", talib.EMA, period, period - 1)


def dema(period: int) -> Feature:
    """Double exponential moving average, 2 EMA - EMA(EMA) (Mulloy 1994)."""
    return _average("dema", talib.DEMA, period, 2 * (period - 1))


def kama(period: int) -> Feature:
    """Adaptive moving average (Kaufman 1995)."""
    return _average("kama", talib.KAMA, period, period)


def hma(period: int) -> Feature:
    """Hull's moving average (Hull 2005)."""
    return _average("hma", talib.HMA, period, period + int(period**0.5) - 2)


def zlema(period: int) -> Feature:
    """Zero-lag exponential moving average (Ehlers and Way 2010)."""
    return _average("zlema", talib.ZLEMA, period, period - 1 + (period - 1) // 2)


def t3(period: int) -> Feature:
    """Tillson's T3 with volume factor 0.7 (Tillson 1998)."""
    parameters = (("timeperiod", period), ("vfactor", 0.7))
    return _line(f"t3_{period}", talib.T3, ("close",), parameters, 6 * (period - 1))


def linear_end(period: int) -> Feature:
    """End of the least-squares line through the closes."""
    return _average("linear_end", talib.LINEARREG, period, period - 1)


def forecast(period: int) -> Feature:
    """Least-squares line through the closes, extended by one bar."""
    return _average("forecast", talib.TSF, period, period - 1)


def midprice(period: int) -> Feature:
    """Middle between highest high and lowest low, as in Ichimoku's lines."""
    parameters = (("timeperiod", period),)
    return _line(f"midprice_{period}", talib.MIDPRICE, HL, parameters, period - 1)


def cloud(period: int, ahead: int) -> Feature:
    """Ichimoku's second span: the midprice of `ahead` bars ago, which is drawn at today's bar."""
    return Feature(
        f"cloud_{period}_{ahead}",
        "trend",
        f"(highest high + lowest low of {period}) / 2, {ahead} bars ago (Ichimoku, Hosoda 1969)",
        HL,
        (("period", period), ("ahead", ahead)),
        period - 1 + ahead,
        LEVEL,
        lambda bars: lagged(talib.MIDPRICE(bars.high, bars.low, period), ahead),
    )


def trendline() -> Feature:
    """Ehlers' instantaneous trend line (Ehlers 2001)."""
    return _line("ht_trendline", talib.HT_TRENDLINE, ("close",), (), 63)


def mama(fast: float, slow: float, output: int = 0) -> Feature:
    """MESA adaptive average, or its following average (Ehlers 2001)."""
    parameters = (("fastlimit", fast), ("slowlimit", slow))
    name = f"{('mama', 'fama')[output]}_{fast * 100:.0f}_{slow * 100:.0f}"
    return _line(name, talib.MAMA, ("close",), parameters, 32, output)


def sar(acceleration: float, maximum: float) -> Feature:
    """Parabolic stop and reverse (Wilder 1978)."""
    parameters = (("acceleration", acceleration), ("maximum", maximum))
    name = f"sar_{acceleration * 100:.0f}_{maximum * 100:.0f}"
    return _line(name, talib.SAR, HL, parameters, 1)


def supertrend(period: int, multiplier: float) -> Feature:
    """Supertrend line: the ATR band that the price has not crossed (Seban 2008)."""
    parameters = (("timeperiod", period), ("multiplier", multiplier))
    name = f"supertrend_{period}_{multiplier:.0f}"
    return _line(name, talib.SUPERTREND, HLC, parameters, period, 0)


def _average(name: str, function: Callable[..., Any], period: int, warmup: int) -> Feature:
    return _line(f"{name}_{period}", function, ("close",), (("timeperiod", period),), warmup)


def _line(
    name: str,
    function: Callable[..., Any],
    inputs: tuple[str, ...],
    parameters: Parameters,
    warmup: int,
    output: int | None = None,
) -> Feature:
    return from_talib("trend", name, function, inputs, parameters, warmup, LEVEL, output)
