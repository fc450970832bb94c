"""Volatility from highs and lows, which carry more information about a day than closes."""

from __future__ import annotations

from functools import partial

import numpy as np
import talib

from finscale.dataset.catalogue.feature import (
    PERCENT,
    SPAN,
    Feature,
    from_talib,
    of_period,
)
from finscale.dataset.indicators import BarArrays, FloatArray, lagged, mean, ratio, root

HL = ("high", "low")
HLC = ("high", "low", "close")
OHLC = ("open", "high", "low", "close")
LN_4 = float(np.log(4.0))

_talib = partial(from_talib, "volatility")
_of_period = partial(of_period, "volatility")


def parkinson(period: int) -> Feature:
    """Volatility from ranges, assuming no drift (Parkinson 1980)."""
    return _of_period(
        "parkinson",
        f"root of the mean of {period} of ln(high/low)^2 / (4 ln 2) (Parkinson 1980)",
        HL,
        period,
        period - 1,
        lambda bars: root(mean(parkinson_variance(bars), period)),
    )


def garman_klass(period: int) -> Feature:
    """Volatility from ranges and bodies (Garman and Klass 1980)."""
    return _of_period(
        "garman_klass",
        f"root of the mean of {period} of ln(h/l)^2 / 2 - (2 ln 2 - 1) ln(c/o)^2 (Garman, Klass)",
        OHLC,
        period,
        period - 1,
        lambda bars: root(mean(garman_klass_variance(bars), period)),
    )


def rogers_satchell(period: int) -> Feature:
    """Volatility from ranges, valid with drift (Rogers and Satchell 1991)."""
    return _of_period(
        "rogers_satchell",
        f"root of the mean of {period} of ln(h/c) ln(h/o) + ln(l/c) ln(l/o) (Rogers, Satchell)",
        OHLC,
        period,
        period - 1,
        lambda bars: root(mean(rogers_satchell_variance(bars), period)),
    )


def yang_zhang(period: int) -> Feature:
    """Volatility from ranges, valid with overnight gaps and drift (Yang and Zhang 2000)."""
    weight = 0.34 / (1.34 + (period + 1) / (period - 1))

    def compute(bars: BarArrays) -> FloatArray:
        night = talib.VAR(bars.overnight, period)
        day = talib.VAR(bars.intraday, period)
        within = mean(rogers_satchell_variance(bars), period)
        return root(night + weight * day + (1.0 - weight) * within)

    formula = f"root of var overnight + k var intraday + (1-k) Rogers-Satchell of {period} (2000)"
    return _of_period("yang_zhang", formula, OHLC, period, period, compute)


def corwin_schultz(period: int) -> Feature:
    """Bid-ask spread estimated from highs and lows (Corwin and Schultz 2012)."""
    formula = f"mean of {period} of 2 (e^a - 1) / (1 + e^a), a from two days' ranges (2012)"
    return _of_period(
        "corwin_schultz",
        formula,
        HL,
        period,
        period,
        lambda bars: mean(spread_estimate(bars), period),
    )


def true_range() -> Feature:
    """True range of one bar."""
    return _talib("true_range", talib.TRANGE, HLC, (), 1, SPAN)


def natr(period: int) -> Feature:
    """Average true range (Wilder 1978) in per cent of the close."""
    return _talib(f"natr_{period}", talib.NATR, HLC, (("timeperiod", period),), period, PERCENT)


def range_change(period: int, back: int) -> Feature:
    """Change of the smoothed range, in per cent (Chaikin)."""
    parameters = (("timeperiod", period), ("rocperiod", back))
    return _talib(f"cvi_{period}_{back}", talib.CVI, HL, parameters, period - 1 + back, PERCENT)


def mass_index(fast: int, slow: int) -> Feature:
    """Mass index, which shows a widening of the range (Dorsey 1992)."""
    parameters = (("fastperiod", fast), ("slowperiod", slow))
    warmup = 2 * (fast - 1) + slow - 1
    return _talib(f"massi_{fast}_{slow}", talib.MASSI, HL, parameters, warmup, PERCENT)


def channel_width(period: int) -> Feature:
    """Highest high minus lowest low (Donchian 1960)."""
    return Feature(
        f"donchian_width_{period}",
        "volatility",
        f"highest high - lowest low of {period} (Donchian)",
        HL,
        (("timeperiod", period),),
        period - 1,
        SPAN,
        lambda bars: talib.MAX(bars.high, period) - talib.MIN(bars.low, period),
    )


def range_to_average(period: int) -> Feature:
    """True range of the last bar over the mean of the bars before."""

    def compute(bars: BarArrays) -> FloatArray:
        size = talib.TRANGE(bars.high, bars.low, bars.close)
        return np.clip(ratio(size, lagged(mean(size, period), 1), empty=1.0), 0.0, 20.0)

    formula = f"true range / mean true range of the {period} bars before, at most 20"
    return _of_period("range_to_average", formula, HLC, period, period + 1, compute)


def choppiness(period: int) -> Feature:
    """Path length over channel width: high in a market without direction (Dreiss 1993)."""

    def compute(bars: BarArrays) -> FloatArray:
        way = talib.SUM(talib.TRANGE(bars.high, bars.low, bars.close), period)
        channel = talib.MAX(bars.high, period) - talib.MIN(bars.low, period)
        choppy: FloatArray = np.log(ratio(way, channel, empty=1.0)) / np.log(period)
        return choppy

    formula = f"ln(sum of true ranges / (highest high - lowest low)) / ln {period} (Dreiss 1993)"
    return _of_period("choppiness", formula, HLC, period, period, compute)


def parkinson_variance(bars: BarArrays) -> FloatArray:
    """Return the variance estimated from each bar's range (Parkinson 1980)."""
    return bars.log_range**2 / (2.0 * LN_4)


def garman_klass_variance(bars: BarArrays) -> FloatArray:
    """Return the variance estimated from each bar (Garman and Klass 1980)."""
    return 0.5 * bars.log_range**2 - (LN_4 - 1.0) * bars.intraday**2


def rogers_satchell_variance(bars: BarArrays) -> FloatArray:
    """Return the variance estimated from each bar, valid with drift (Rogers and Satchell 1991)."""
    up, down = np.log(bars.high / bars.open), np.log(bars.low / bars.open)
    return up * (up - bars.intraday) + down * (down - bars.intraday)


def spread_estimate(bars: BarArrays) -> FloatArray:
    """Return the relative bid-ask spread (Corwin and Schultz 2012, eq. 14 and 18)."""
    two_days = np.log(
        np.maximum(bars.high, lagged(bars.high, 1)) / np.minimum(bars.low, lagged(bars.low, 1))
    )
    beta = bars.log_range**2 + lagged(bars.log_range, 1) ** 2
    constant = 3.0 - 2.0 * np.sqrt(2.0)
    alpha = (np.sqrt(2.0) - 1.0) * np.sqrt(beta) / constant - two_days / np.sqrt(constant)
    # 2 (e^a - 1) / (1 + e^a); negative estimates count as 0, as in the paper.
    spread: FloatArray = np.maximum(2.0 * np.tanh(alpha / 2.0), 0.0)
    return spread
