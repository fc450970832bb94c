"""Tier a20: twenty indicators and the five channels of the bars."""

from __future__ import annotations

import numpy as np
import talib

from finscale.dataset.catalogue.averages import dema, sma
from finscale.dataset.catalogue.feature import (
    LEVEL,
    PERCENT,
    PURE,
    SPAN,
    TRADED,
    Feature,
    UnitRule,
    from_talib,
)
from finscale.dataset.indicators import TRAILING, BarArrays, FloatArray, Indicator, trailing_sum
from finscale.dataset.stationary import change_in_volumes, log_relative_volume, log_return

C = ("close",)
HLC = ("high", "low", "close")
RETURN = UnitRule("price", log_return, 1)
TRADE = UnitRule("units traded", log_relative_volume, 19)
BALANCE = UnitRule("units traded", change_in_volumes, 19)
FOURTEEN = (("timeperiod", 14),)
MACD = (("fastperiod", 12), ("slowperiod", 26), ("signalperiod", 9))
STOCHRSI = (("timeperiod", 14), ("fastk_period", 5), ("fastd_period", 3))
# The value at weekly bar n needs n + 1 finished weeks of at most seven bars each.
WEEK = 7


def channel(name: str, unit_rule: UnitRule, compute: Indicator) -> Feature:
    """Make one of the five columns of the bars."""
    return Feature(name, "price", name, (name,), (), unit_rule.first, unit_rule, compute)


def rsi_weekly(bars: BarArrays) -> FloatArray:
    """Wilder's relative strength index, 14, of the closes of finished coarser bars."""
    return bars.coarser.show(lambda weeks: talib.RSI(weeks.close, 14))


def stochrsi_weekly(bars: BarArrays) -> FloatArray:
    """%K of the stochastic of that RSI."""
    return bars.coarser.show(lambda weeks: talib.STOCHRSI(weeks.close, 14, 5, 3)[0])


def bb_percent_b(bars: BarArrays) -> FloatArray:
    """Place of the close within Bollinger's bands (20, 2, 2): 0 at the lower, 1 at the upper."""
    upper, _, lower = talib.BBANDS(bars.close, TRAILING, 2.0, 2.0)
    width = upper - lower
    # The bands of twenty equal closes have no width; the close then counts as in the middle.
    inside = np.where(np.isnan(width), np.nan, 0.5)
    return np.divide(bars.close - lower, width, out=inside, where=width > 0)


def vwap(bars: BarArrays) -> FloatArray:
    """Volume-weighted mean close of 20 bars; the plain mean where nothing was traded."""
    plain = trailing_sum(bars.close) / TRAILING
    priced = trailing_sum(bars.close * bars.volume)
    return np.divide(priced, bars.traded, out=plain, where=bars.traded > 0)


A20 = (
    channel("open", LEVEL, lambda bars: bars.open),
    channel("high", LEVEL, lambda bars: bars.high),
    channel("low", LEVEL, lambda bars: bars.low),
    channel("close", RETURN, lambda bars: bars.close),
    channel("volume", TRADE, lambda bars: bars.volume),
    dema(9),
    dema(10),
    dema(20),
    dema(25),
    dema(90),
    sma(12),
    sma(50),
    sma(100),
    sma(200),
    from_talib("momentum", "rsi_daily", talib.RSI, C, FOURTEEN, 14, PERCENT),
    Feature(
        "rsi_weekly",
        "cross-timescale",
        "TA-Lib RSI(close, 14) of the last finished coarser bar",
        C,
        FOURTEEN,
        WEEK * 15,
        PERCENT,
        rsi_weekly,
    ),
    from_talib("momentum", "stochrsi_daily", talib.STOCHRSI, C, STOCHRSI, 20, PERCENT, 0),
    Feature(
        "stochrsi_weekly",
        "cross-timescale",
        "TA-Lib STOCHRSI(close, 14, 5, 3), output 1, of the last finished coarser bar",
        C,
        STOCHRSI,
        WEEK * 21,
        PERCENT,
        stochrsi_weekly,
    ),
    from_talib("trend", "macd_line", talib.MACD, C, MACD, 33, SPAN, 0),
    Feature(
        "obv",
        "volume",
        "TA-Lib OBV(close, volume)",
        ("close", "volume"),
        (),
        19,
        BALANCE,
        lambda bars: talib.OBV(bars.close, bars.volume),
    ),
    from_talib(
        "volume",
        "adosc",
        talib.ADOSC,
        (*HLC, "volume"),
        (("fastperiod", 3), ("slowperiod", 10)),
        9,
        TRADED,
    ),
    from_talib("volatility", "atr_14", talib.ATR, HLC, FOURTEEN, 14, SPAN),
    from_talib("trend", "adx_14", talib.ADX, HLC, FOURTEEN, 27, PERCENT),
    Feature(
        "bb_percent_b",
        "trend",
        "(close - lower) / (upper - lower) of TA-Lib BBANDS(close, 20, 2, 2)",
        C,
        (("timeperiod", 20), ("nbdevup", 2), ("nbdevdn", 2)),
        19,
        PURE,
        bb_percent_b,
    ),
    Feature(
        "vwap_20",
        "volume",
        "sum of close * volume / sum of volume over 20",
        ("close", "volume"),
        (("period", 20),),
        19,
        LEVEL,
        vwap,
    ),
)
