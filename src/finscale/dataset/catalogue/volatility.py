"""Volatility: the size of price moves, from closes and ranges, and its changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import talib

from finscale.dataset.catalogue.feature import (
    PERCENT,
    PURE,
    SPAN,
    Feature,
    Parameters,
    from_talib,
    of_period,
)
from finscale.dataset.catalogue.ranges import parkinson_variance
from finscale.dataset.indicators import BarArrays, FloatArray, lagged, mean, ratio, root

C = ("close",)
HL = ("high", "low")
HLC = ("high", "low", "close")
OHLC = ("open", "high", "low", "close")
Estimator = Callable[[BarArrays], FloatArray]
# A volatility below one millionth counts as a market that does not move.
STILL = 1e-6
_talib = partial(from_talib, "volatility")
_of_period = partial(of_period, "volatility")


def realised(period: int) -> Feature:
    """Standard deviation of log returns."""
    return _of_period(
        "realised",
        f"standard deviation of {period} log returns",
        C,
        period,
        period,
        lambda bars: talib.STDDEV(bars.returns, period),
    )


def smoothed(period: int) -> Feature:
    """Exponentially weighted volatility (RiskMetrics 1996)."""
    return _of_period(
        "ewma_vol",
        f"root of the EMA {period} of squared log returns (RiskMetrics 1996)",
        C,
        period,
        period,
        lambda bars: root(talib.EMA(bars.returns**2, period)),
    )


def mean_deviation(period: int) -> Feature:
    """Mean absolute deviation of closes."""
    return _talib(f"avgdev_{period}", talib.AVGDEV, C, _period(period), period - 1, SPAN)


def band_width(period: int) -> Feature:
    """Width of Bollinger's bands (Bollinger 2001)."""
    return Feature(
        f"bb_width_{period}",
        "volatility",
        f"upper - lower of TA-Lib BBANDS(close, {period}, 2, 2)",
        C,
        _period(period),
        period - 1,
        SPAN,
        lambda bars: 4.0 * talib.STDDEV(bars.close, period),
    )


def relative_volatility(period: int, window: int) -> Feature:
    """Relative volatility index: share of the standard deviation on rising bars (Dorsey 1993)."""
    parameters = (("timeperiod", period), ("stddevperiod", window))
    name = f"rvi_{period}_{window}"
    return _talib(name, talib.RVI, C, parameters, period + window - 2, PERCENT)


def downside(period: int) -> Feature:
    """Root mean square of negative log returns (Markowitz 1959)."""
    return _of_period(
        "downside",
        f"root of the mean of {period} of min(log return, 0)^2",
        C,
        period,
        period,
        lambda bars: root(mean(np.minimum(bars.returns, 0.0) ** 2, period)),
    )


def upside(period: int) -> Feature:
    """Root mean square of positive log returns."""
    return _of_period(
        "upside",
        f"root of the mean of {period} of max(log return, 0)^2",
        C,
        period,
        period,
        lambda bars: root(mean(np.maximum(bars.returns, 0.0) ** 2, period)),
    )


def down_share(period: int) -> Feature:
    """Share of the sum of squared returns that comes from falling bars."""

    def compute(bars: BarArrays) -> FloatArray:
        falling = mean(np.minimum(bars.returns, 0.0) ** 2, period)
        return bounded(falling, mean(bars.returns**2, period), 1.0, empty=0.5)

    formula = f"sum of min(log return, 0)^2 / sum of log return^2 over {period}"
    return _of_period("down_share", formula, C, period, period, compute)


def realised_ratio(short: int, long: int) -> Feature:
    """Log ratio of the volatility of closes over a short and a long period."""
    return _short_over_long(
        f"realised_ratio_{short}_{long}",
        f"ln of the standard deviation of {short} log returns over that of {long}",
        C,
        (short, long),
        long,
        lambda bars, period: talib.STDDEV(bars.returns, period),
    )


def range_ratio(short: int, long: int) -> Feature:
    """Log ratio of Parkinson's volatility over a short and a long period."""
    return _short_over_long(
        f"range_ratio_{short}_{long}",
        f"ln of Parkinson's volatility of {short} over that of {long}",
        HL,
        (short, long),
        long - 1,
        lambda bars, period: root(mean(parkinson_variance(bars), period)),
    )


def range_to_realised(period: int) -> Feature:
    """Log ratio of range volatility to close volatility: low in trends, high in reversals."""

    def compute(bars: BarArrays) -> FloatArray:
        ranges = root(mean(parkinson_variance(bars), period))
        return log_ratio(ranges, talib.STDDEV(bars.returns, period))

    formula = f"ln of Parkinson's volatility of {period} over the standard deviation of returns"
    return _of_period("range_to_realised", formula, HLC, period, period, compute)


def overnight_share(period: int) -> Feature:
    """Share of overnight moves in the sum of overnight and intraday moves."""

    def compute(bars: BarArrays) -> FloatArray:
        night = mean(np.abs(bars.overnight), period)
        return bounded(night, night + mean(np.abs(bars.intraday), period), 1.0, empty=0.5)

    formula = f"sum |overnight| / (sum |overnight| + sum |intraday|) over {period} log returns"
    return _of_period("overnight_share", formula, OHLC, period, period, compute)


def volatility_of_volatility(period: int, window: int) -> Feature:
    """Standard deviation of recent volatilities as a share of their mean."""

    def compute(bars: BarArrays) -> FloatArray:
        volatility = talib.STDDEV(bars.returns, period)
        return bounded(talib.STDDEV(volatility, window), mean(volatility, window), 10.0)

    return Feature(
        f"vol_of_vol_{period}_{window}",
        "volatility",
        f"standard deviation / mean of the last {window} of the deviation of {period} returns",
        C,
        (("period", period), ("window", window)),
        period + window - 1,
        PURE,
        compute,
    )


def jump_share(period: int) -> Feature:
    """Share of the variance from jumps, by bipower variation (Barndorff-Nielsen, Shephard 2004)."""

    def compute(bars: BarArrays) -> FloatArray:
        size = np.abs(bars.returns)
        smooth = np.pi / 2.0 * mean(size * lagged(size, 1), period)
        return 1.0 - bounded(smooth, mean(size * size, period), 2.0, empty=1.0)

    formula = f"1 - pi/2 sum |r r'| / sum r^2 over {period} (Barndorff-Nielsen, Shephard 2004)"
    return _of_period("jump_share", formula, C, period, period + 1, compute)


def ulcer(period: int) -> Feature:
    """Root mean square of drawdowns from the highest close (Martin 1987)."""

    def compute(bars: BarArrays) -> FloatArray:
        drawdown = bars.close / talib.MAX(bars.close, period) - 1.0
        return root(mean(drawdown**2, period))

    formula = f"root of the mean of {period} of (close / highest close of {period} - 1)^2"
    return _of_period("ulcer", formula, C, period, 2 * (period - 1), compute)


def bounded(over: FloatArray, under: FloatArray, most: float, empty: float = 0.0) -> FloatArray:
    """Divide two nonnegative series, clipped so that tiny divisors from rounding do no harm."""
    return np.clip(ratio(over, under, empty), 0.0, most)


def log_ratio(over: FloatArray, under: FloatArray) -> FloatArray:
    """Return the log ratio of two volatilities; 0 where the market does not move."""
    return np.log((over + STILL) / (under + STILL))


def _short_over_long(
    name: str,
    formula: str,
    inputs: tuple[str, ...],
    periods: tuple[int, int],
    warmup: int,
    volatility: Callable[[BarArrays, int], FloatArray],
) -> Feature:
    short, long = periods
    return Feature(
        name,
        "volatility",
        formula,
        inputs,
        (("short", short), ("long", long)),
        warmup,
        PURE,
        lambda bars: log_ratio(volatility(bars, short), volatility(bars, long)),
    )


def _period(period: int) -> Parameters:
    return (("timeperiod", period),)
