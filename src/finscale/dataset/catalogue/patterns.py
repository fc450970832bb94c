"""Price patterns: candlestick patterns from TA-Lib, and the shapes of bars as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import talib

from finscale.dataset.catalogue.feature import PURE, Feature
from finscale.dataset.indicators import BarArrays, FloatArray, Indicator, lagged, mean, ratio

OHLC = ("open", "high", "low", "close")
HL = ("high", "low")
HLC = ("high", "low", "close")
# TA-Lib compares a candle with the ten before it; no pattern in use looks back further than 14.
LOOKBACK = 14


def candle(function: Callable[..., Any]) -> Feature:
    """One of TA-Lib's candlestick patterns: 1 bullish, -1 bearish, 0 none (Nison 1991)."""
    word = function.__name__
    return Feature(
        f"candle_{word.removeprefix('CDL').lower()}",
        "price pattern",
        f"TA-Lib {word}(open, high, low, close) / 100; missing in the first {LOOKBACK} bars",
        OHLC,
        (),
        LOOKBACK,
        PURE,
        lambda bars: _found(function, bars),
    )


def candle_balance(function: Callable[..., Any], window: int) -> Feature:
    """Mean of a candlestick pattern over a window: bullish minus bearish finds per bar."""
    word = function.__name__
    return Feature(
        f"candle_{word.removeprefix('CDL').lower()}_{window}",
        "price pattern",
        f"mean of {window} of TA-Lib {word}(open, high, low, close) / 100",
        OHLC,
        (("window", window),),
        LOOKBACK + window - 1,
        PURE,
        lambda bars: mean(_found(function, bars), window),
    )


def body() -> Feature:
    """Body of the candle as a share of its range, with its sign."""
    return _shape("body", "(close - open) / (high - low)", OHLC, 1, _body)


def upper_shadow(window: int) -> Feature:
    """Upper shadow as a share of the range."""
    formula = "(high - max(open, close)) / (high - low)"
    return _shape("upper_shadow", formula, OHLC, window, _upper_shadow)


def lower_shadow(window: int) -> Feature:
    """Lower shadow as a share of the range."""
    formula = "(min(open, close) - low) / (high - low)"
    return _shape("lower_shadow", formula, OHLC, window, _lower_shadow)


def close_place(window: int) -> Feature:
    """Place of the close in the bar's range, -1 at the low."""
    formula = "(2 close - high - low) / (high - low)"
    return _shape("close_place", formula, HLC, window, lambda bars: bars.place)


def inside_bars(window: int) -> Feature:
    """Share of bars that lie within the previous bar."""
    return _shape(
        "inside_bars", "high <= high before and low >= low before", HL, window, _inside, 1
    )


def outside_bars(window: int) -> Feature:
    """Share of bars that exceed the previous bar on both sides."""
    return _shape(
        "outside_bars", "high > high before and low < low before", HL, window, _outside, 1
    )


def overlap(window: int) -> Feature:
    """Overlap of the ranges of two neighbouring bars, as a share of their joint range."""

    def compute(bars: BarArrays) -> FloatArray:
        top, bottom = lagged(bars.high, 1), lagged(bars.low, 1)
        common = np.minimum(bars.high, top) - np.maximum(bars.low, bottom)
        covered = np.maximum(bars.high, top) - np.minimum(bars.low, bottom)
        return ratio(common, covered)

    formula = "(lower high - higher low) / (higher high - lower low) of two bars"
    return _shape("overlap", formula, HL, window, compute, 1)


def narrow_range(period: int) -> Feature:
    """Range of the bar relative to a period: 0 the narrowest, 1 the widest (Crabel 1990)."""

    def compute(bars: BarArrays) -> FloatArray:
        low, high = talib.MINMAX(bars.log_range, period)
        return ratio(bars.log_range - low, high - low, empty=0.5)

    return Feature(
        f"narrow_range_{period}",
        "price pattern",
        f"(x - least x of {period}) / (largest - least), x = ln(high/low) (Crabel 1990)",
        HL,
        (("period", period),),
        period - 1,
        PURE,
        compute,
    )


def streak() -> Feature:
    """Number of bars in a row with rising (positive) or falling (negative) closes, at most 10."""
    return Feature(
        "streak",
        "price pattern",
        "closes in a row that rose (+) or fell (-), at most 10",
        ("close",),
        (),
        1,
        PURE,
        lambda bars: np.clip(_streak(np.sign(bars.returns)), -10.0, 10.0),
    )


def breakout(period: int) -> Feature:
    """Share of closes above the earlier high of a period, minus those below its low (Donchian)."""

    def compute(bars: BarArrays) -> FloatArray:
        top = lagged(talib.MAX(bars.high, period), 1)
        bottom = lagged(talib.MIN(bars.low, period), 1)
        out = (bars.close > top) * 1.0 - (bars.close < bottom)
        return mean(np.where(np.isnan(top), np.nan, out), period)

    return Feature(
        f"breakout_{period}",
        "price pattern",
        f"mean of {period} of (close > high of {period} before) - (close < low of {period} before)",
        HLC,
        (("period", period),),
        2 * period - 1,
        PURE,
        compute,
    )


def _shape(
    name: str,
    formula: str,
    inputs: tuple[str, ...],
    window: int,
    shape: Indicator,
    start: int = 0,
) -> Feature:
    """Make a feature from the mean of a bar's shape over a window, or from the shape itself."""
    alone = window == 1
    return Feature(
        name if alone else f"{name}_{window}",
        "price pattern",
        formula if alone else f"mean of {window} of {formula}",
        inputs,
        (("window", window),),
        start + window - 1,
        PURE,
        shape if alone else lambda bars: mean(shape(bars), window),
    )


def _found(function: Callable[..., Any], bars: BarArrays) -> FloatArray:
    found = function(bars.open, bars.high, bars.low, bars.close) / 100.0
    found[:LOOKBACK] = np.nan
    return np.asarray(found)


def _body(bars: BarArrays) -> FloatArray:
    return ratio(bars.close - bars.open, bars.high - bars.low)


def _upper_shadow(bars: BarArrays) -> FloatArray:
    return ratio(bars.high - np.maximum(bars.open, bars.close), bars.high - bars.low)


def _lower_shadow(bars: BarArrays) -> FloatArray:
    return ratio(np.minimum(bars.open, bars.close) - bars.low, bars.high - bars.low)


def _inside(bars: BarArrays) -> FloatArray:
    return _known((bars.high <= lagged(bars.high, 1)) & (bars.low >= lagged(bars.low, 1)))


def _outside(bars: BarArrays) -> FloatArray:
    return _known((bars.high > lagged(bars.high, 1)) & (bars.low < lagged(bars.low, 1)))


def _above(values: FloatArray) -> FloatArray:
    return _known(values > lagged(values, 1))


def _known(flags: Any) -> FloatArray:
    """Return flags as numbers; NaN at the first bar, which has no bar before it."""
    numbers = flags.astype(np.float64)
    numbers[:1] = np.nan
    return np.asarray(numbers)


def _streak(sign: FloatArray) -> FloatArray:
    """Return the length of the run of equal signs that ends at each bar, with the sign."""
    position = np.arange(len(sign))
    begins = np.append(True, sign[1:] != sign[:-1])
    since = position - np.maximum.accumulate(np.where(begins, position, 0))
    return sign * (since + 1.0)
