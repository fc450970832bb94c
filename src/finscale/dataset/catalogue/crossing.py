"""Cross-timescale: indicators of finished coarser bars, and the place of the day among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import talib

from finscale.dataset.catalogue.feature import PERCENT, PURE, Feature, UnitRule
from finscale.dataset.indicators import (
    BarArrays,
    Finished,
    FloatArray,
    Indicator,
    IntArray,
    mean,
    ratio,
    relative,
)

C = ("close",)
HLC = ("high", "low", "close")
# Largest number of daily bars in a week and a month, for markets that trade on every day.
WEEK, MONTH = 7, 31


def coarse(feature: Feature) -> Feature:
    """Show a feature of the next coarser timescale's finished bars, in its stationary form."""
    return _shown(feature, "coarse", "finished coarser bar", WEEK, lambda bars: bars.coarser)


def weekly(feature: Feature) -> Feature:
    """Show a feature of finished weeks, in its stationary form."""
    return _shown(feature, "week", "finished week", WEEK, lambda bars: bars.weeks)


def monthly(feature: Feature) -> Feature:
    """Show a feature of finished months, in its stationary form."""
    return _shown(feature, "month", "finished month", MONTH, lambda bars: bars.months)


def range_of_bar() -> Feature:
    """Range of one bar; the functions above make it the range of a finished week or month."""
    return Feature(
        "range",
        "volatility",
        "ln(high/low)",
        ("high", "low"),
        (),
        0,
        PURE,
        lambda bars: bars.log_range,
    )


def percent_b(period: int) -> Feature:
    """Place of the close in Bollinger's bands, 0 at the lower band (Bollinger 2001)."""

    def compute(bars: BarArrays) -> FloatArray:
        upper, _, lower = talib.BBANDS(bars.close, period, 2.0, 2.0)
        # Clip, because rounding errors give bands without width a tiny width.
        return np.clip(ratio(bars.close - lower, upper - lower, empty=0.5), -3.0, 4.0)

    return Feature(
        f"bb_percent_b_{period}",
        "trend",
        f"(close - lower) / (upper - lower) of TA-Lib BBANDS(close, {period}, 2, 2)",
        C,
        (("period", period),),
        period - 1,
        PURE,
        compute,
    )


def since_coarse_close() -> Feature:
    """Log return since the close of the last finished coarser bar."""
    return _standing(
        "since_coarse_close",
        "ln(close / close of the last finished coarser bar)",
        C,
        1,
        lambda bars: bars.log_close - bars.coarser.show(lambda coarser: coarser.log_close),
    )


def place_in_coarse() -> Feature:
    """Place of the close in the last finished coarser bar, 0 at its low, 1 at its high."""

    def compute(bars: BarArrays) -> FloatArray:
        high = bars.coarser.show(lambda coarser: coarser.high)
        low = bars.coarser.show(lambda coarser: coarser.low)
        return np.clip(ratio(bars.close - low, high - low, empty=0.5), -5.0, 6.0)

    formula = "(close - low) / (high - low) of the last finished coarser bar, within -5 and 6"
    return _standing("place_in_coarse", formula, HLC, 1, compute)


def coarse_low_gap(period: int) -> Feature:
    """Log of the close over the lowest low of finished coarser bars."""
    return _standing(
        f"coarse_low_gap_{period}",
        f"ln(close / lowest low of {period} finished coarser bars)",
        HLC,
        period,
        lambda bars: (
            bars.log_close
            - np.log(bars.coarser.show(lambda coarser: -_highest(-coarser.low, period)))
        ),
        period,
    )


def rsi_gap(period: int) -> Feature:
    """RSI of these bars minus the RSI of finished coarser bars."""
    return _standing(
        f"rsi_gap_{period}",
        f"TA-Lib RSI(close, {period}) - that of finished coarser bars",
        C,
        period + 1,
        lambda bars: (
            talib.RSI(bars.close, period)
            - bars.coarser.show(lambda coarser: talib.RSI(coarser.close, period))
        ),
        period,
        PERCENT,
    )


def volatility_gap(fine: int, coarser_period: int) -> Feature:
    """Recent volatility over that of finished coarser bars: high if daily moves cancel out."""

    def compute(bars: BarArrays) -> FloatArray:
        wide = bars.coarser.show(lambda coarser: talib.STDDEV(coarser.returns, coarser_period))
        return np.log((talib.STDDEV(bars.returns, fine) + 1e-6) / (wide + 1e-6))

    return Feature(
        f"volatility_gap_{fine}_{coarser_period}",
        "cross-timescale",
        f"ln of the deviation of {fine} log returns over that of {coarser_period} coarser ones",
        C,
        (("fine", fine), ("coarse", coarser_period)),
        max(fine, WEEK * (coarser_period + 1)),
        PURE,
        compute,
    )


def range_so_far() -> Feature:
    """Range of the unfinished coarser bar so far, over the mean range of four finished ones."""

    def compute(bars: BarArrays) -> FloatArray:
        size = np.log(_running(bars, bars.high) / -_running(bars, -bars.low))
        usual = bars.coarser.show(lambda coarser: mean(coarser.log_range, 4))
        return np.clip(ratio(size, usual, empty=1.0), 0.0, 10.0)

    formula = "ln(high/low) of the coarser bar so far / mean of 4 finished ones, at most 10"
    return _standing("range_so_far", formula, HLC, 4, compute)


def volume_so_far() -> Feature:
    """Mean volume of the unfinished coarser bar so far, over the mean of the last 20 bars."""

    def compute(bars: BarArrays) -> FloatArray:
        so_far = _running(bars, bars.volume, np.add)
        mean_volume = so_far / (_bars_behind(bars) + 1.0)
        return np.log(relative(mean_volume, bars.mean_volume))

    formula = "ln(mean volume of the coarser bar so far / mean volume of 20)"
    return Feature("volume_so_far", "cross-timescale", formula, ("volume",), (), 19, PURE, compute)


def _running(
    bars: BarArrays, values: FloatArray, join: Callable[..., FloatArray] = np.maximum
) -> FloatArray:
    """Accumulate values over the unfinished coarser bar, up to each bar."""
    joined = values.copy()
    behind = _bars_behind(bars)
    for step in range(1, int(behind.max(initial=0)) + 1):
        rows = np.flatnonzero(behind >= step)
        joined[rows] = join(joined[rows], values[rows - step])
    return joined


def _bars_behind(bars: BarArrays) -> IntArray:
    """Count the earlier bars in the same coarser bar."""
    return np.arange(len(bars.period)) - np.searchsorted(bars.period, bars.period)


def _highest(values: FloatArray, period: int) -> FloatArray:
    highest: FloatArray = values if period == 1 else talib.MAX(values, period)
    return highest


def _shown(
    feature: Feature, prefix: str, word: str, longest: int, periods: Callable[[BarArrays], Finished]
) -> Feature:
    def stationary(bars: BarArrays) -> FloatArray:
        return feature.rule(feature.compute(bars), bars.close, bars.mean_volume)

    return dataclasses.replace(
        feature,
        name=f"{prefix}_{feature.name}",
        group="cross-timescale",
        formula=f"{feature.formula}, stationary, of the last {word}",
        warmup=longest * (feature.warmup + 1),
        unit_rule=PURE,
        compute=lambda bars: periods(bars).show(stationary),
    )


def _standing(
    name: str,
    formula: str,
    inputs: tuple[str, ...],
    needed: int,
    compute: Indicator,
    period: int | None = None,
    unit_rule: UnitRule = PURE,
) -> Feature:
    """Make a feature that needs a number of finished coarser bars."""
    parameters = () if period is None else (("period", period),)
    return Feature(
        name, "cross-timescale", formula, inputs, parameters, WEEK * needed, unit_rule, compute
    )
