"""Statistics of returns: distribution, autocorrelation, entropy, and distance to extremes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import talib

from finscale.dataset.catalogue.feature import (
    PERCENT,
    PURE,
    Feature,
    of_period,
)
from finscale.dataset.indicators import BarArrays, FloatArray, Indicator, lagged, mean, ratio, root

C = ("close",)
HL = ("high", "low")
HLC = ("high", "low", "close")
# A smaller variance of returns is only rounding error: the market does not move.
STILL = 1e-12
_of_period = partial(of_period, "statistical")


def skewness(period: int) -> Feature:
    """Skewness of log returns."""

    def compute(bars: BarArrays) -> FloatArray:
        first, second, third, _ = _moments(bars.returns, period)
        central = third - 3.0 * first * second + 2.0 * first * first * first
        spread = _spread(second - first * first)
        return np.clip(ratio(central, spread * np.sqrt(spread)), -(period**0.5), period**0.5)

    formula = f"third central moment / variance^1.5 of {period} log returns"
    return _of_period("skew", formula, C, period, period, compute)


def kurtosis(period: int) -> Feature:
    """Kurtosis of log returns."""

    def compute(bars: BarArrays) -> FloatArray:
        first, second, third, fourth = _moments(bars.returns, period)
        square = first * first
        central = fourth - 4.0 * first * third + 6.0 * square * second - 3.0 * square * square
        spread = _spread(second - square)
        return np.clip(ratio(central, spread * spread, empty=3.0), 1.0, period)

    formula = f"fourth central moment / variance^2 of {period} log returns"
    return _of_period("kurtosis", formula, C, period, period, compute)


def autocorrelation(lag: int, period: int) -> Feature:
    """Autocorrelation of log returns."""
    return _memory("autocorr", "the log return", lag, period, lambda bars: bars.returns)


def size_autocorrelation(lag: int, period: int) -> Feature:
    """Autocorrelation of absolute returns: volatility clustering (Mandelbrot 1963)."""
    return _memory("size_autocorr", "|log return|", lag, period, lambda bars: np.abs(bars.returns))


def range_autocorrelation(lag: int, period: int) -> Feature:
    """Autocorrelation of ranges."""
    return _memory("range_autocorr", "ln(high/low)", lag, period, lambda bars: bars.log_range, 0)


def leverage(period: int) -> Feature:
    """Correlation of the absolute return with the previous return (Black 1976)."""

    def compute(bars: BarArrays) -> FloatArray:
        return _correlation(np.abs(bars.returns), lagged(bars.returns, 1), period)

    formula = f"correlation over {period} of |log return| with the log return before (Black 1976)"
    return _of_period("leverage", formula, C, period, period + 1, compute)


def return_with_range(period: int) -> Feature:
    """Correlation of the return with the range, negative if prices fall on days of wide range."""

    def compute(bars: BarArrays) -> FloatArray:
        return _correlation(bars.returns, bars.log_range, period)

    formula = f"correlation over {period} of log return and ln(high/low)"
    return _of_period("return_range_corr", formula, HLC, period, period, compute)


def variance_ratio(lag: int, period: int) -> Feature:
    """Variance ratio of returns over several bars and one bar: 1 for a random walk.

    A. W. Lo and A. C. MacKinlay, *Stock market prices do not follow random walks*, 1988.
    """

    def compute(bars: BarArrays) -> FloatArray:
        over = bars.log_close - lagged(bars.log_close, lag)
        single = _spread(talib.VAR(bars.returns, period))
        return np.clip(ratio(talib.VAR(over, period), lag * single, empty=1.0), 0.0, lag)

    return Feature(
        f"variance_ratio_{lag}_{period}",
        "statistical",
        f"variance of {lag}-bar log returns / ({lag} * of 1-bar ones) over {period} (1988)",
        C,
        (("lag", lag), ("period", period)),
        period + lag - 1,
        PURE,
        compute,
    )


def rescaled_range(period: int) -> Feature:
    """Rescaled range of the closes, as an exponent (after Hurst 1951)."""

    def compute(bars: BarArrays) -> FloatArray:
        low, high = talib.MINMAX(bars.log_close, period)
        spread = root(_spread(talib.VAR(bars.returns, period)))
        exponent: FloatArray = np.log(ratio(high - low, spread, empty=1.0) + 0.1) / np.log(period)
        return exponent

    formula = f"ln(range of ln close / deviation of returns + 0.1) / ln {period} (Hurst 1951)"
    return _of_period("hurst", formula, C, period, period, compute)


def sign_entropy(period: int) -> Feature:
    """Entropy of the signs of two successive returns: 1 if all four patterns are as frequent."""

    def compute(bars: BarArrays) -> FloatArray:
        up = bars.returns > 0.0
        before = np.append(False, up[:-1])
        pairs = (up & before, up & ~before, ~up & before, ~up & ~before)
        return _entropy([mean(_from(pair, 2), period) for pair in pairs])

    formula = f"entropy / ln 4 of the signs of two returns in a row, over {period} (Shannon 1948)"
    return _of_period("sign_entropy", formula, C, period, period + 1, compute)


def order_entropy(period: int) -> Feature:
    """Permutation entropy of three closes (Bandt and Pompe 2002)."""

    def compute(bars: BarArrays) -> FloatArray:
        one, two = lagged(bars.close, 1), lagged(bars.close, 2)
        order = 4 * (bars.close > one) + 2 * (one > two) + (bars.close > two)
        # Two of eight codes cannot occur: falling twice to end higher, rising twice to end lower.
        kinds = (0, 2, 3, 4, 5, 7)
        return _entropy([mean(_from(order == kind, 2), period) for kind in kinds])

    formula = f"entropy / ln 6 of the orders of three closes over {period} (Bandt, Pompe 2002)"
    return _of_period("order_entropy", formula, C, period, period + 1, compute)


def up_share(period: int) -> Feature:
    """Share of rising bars, the psychological line."""
    formula = f"share of {period} log returns above 0"
    return _of_period(
        "up_share",
        formula,
        C,
        period,
        period,
        lambda bars: mean(_from(bars.returns > 0.0, 1), period),
    )


def large_share(period: int) -> Feature:
    """Share of absolute returns above the standard deviation of the 60 returns before."""

    def compute(bars: BarArrays) -> FloatArray:
        beyond = np.abs(bars.returns) > lagged(talib.STDDEV(bars.returns, 60), 1)
        return mean(_from(beyond, 61), period)

    formula = f"share of {period} |log returns| above the deviation of the 60 before"
    return _of_period("large_share", formula, C, period, 60 + period, compute)


def turning_points(period: int) -> Feature:
    """Share of bars on which the return changed its sign."""

    def compute(bars: BarArrays) -> FloatArray:
        turned = bars.returns * lagged(bars.returns, 1) < 0.0
        return mean(_from(turned, 2), period)

    formula = f"share of {period} log returns with another sign than the one before"
    return _of_period("turning_points", formula, C, period, period + 1, compute)


def return_z(period: int) -> Feature:
    """Last return in standard deviations of the returns before, at most 10."""

    def compute(bars: BarArrays) -> FloatArray:
        spread = root(_spread(lagged(talib.VAR(bars.returns, period), 1)))
        return np.clip(ratio(bars.returns, spread), -10.0, 10.0)

    formula = f"log return / standard deviation of the {period} before, at most 10"
    return _of_period("return_z", formula, C, period, period + 1, compute)


def volatility_rank(window: int, period: int) -> Feature:
    """Percentage of earlier volatilities below the present one."""
    return Feature(
        f"volatility_rank_{window}_{period}",
        "statistical",
        f"TA-Lib PERCENTRANK(standard deviation of {window} log returns, {period})",
        C,
        (("window", window), ("period", period)),
        window + period,
        PERCENT,
        lambda bars: talib.PERCENTRANK(talib.STDDEV(bars.returns, window), period),
    )


def largest(period: int) -> Feature:
    """Largest return of a period (Bali, Cakici and Whitelaw 2011)."""
    formula = f"largest log return of {period} (Bali, Cakici, Whitelaw 2011)"
    return _of_period(
        "largest", formula, C, period, period, lambda bars: talib.MAX(bars.returns, period)
    )


def tail_balance(period: int) -> Feature:
    """Largest gain minus largest loss, as a share of their sum."""

    def compute(bars: BarArrays) -> FloatArray:
        low, high = talib.MINMAX(bars.returns, period)
        return np.clip(ratio(high + low, high - low), -1.0, 1.0)

    formula = f"(largest + smallest) / (largest - smallest) of {period} log returns"
    return _of_period("tail_balance", formula, C, period, period, compute)


def drawdown(period: int) -> Feature:
    """Relative distance of the close from the highest close of a period, 0 or below."""
    formula = f"close / highest close of {period} - 1"
    return _of_period(
        "drawdown",
        formula,
        C,
        period,
        period - 1,
        lambda bars: bars.close / talib.MAX(bars.close, period) - 1.0,
    )


def since_high(period: int) -> Feature:
    """Bars since the highest close of a period, as a share of the period."""
    return _since("since_high", "highest", period, talib.MAXINDEX)


def since_low(period: int) -> Feature:
    """Bars since the lowest close of a period, as a share of the period."""
    return _since("since_low", "lowest", period, talib.MININDEX)


def _entropy(shares: list[FloatArray]) -> FloatArray:
    """Return the normalised entropy of shares (Shannon 1948): 1 if all are equal, 0 if one is 1."""
    # 0 ln 0 counts as 0.
    parts = [share * np.log(np.maximum(share, 1e-300)) for share in shares]
    entropy: FloatArray = -np.sum(parts, axis=0) / np.log(len(shares))
    return entropy


def _moments(
    values: FloatArray, period: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    square = values * values
    powers = (values, square, square * values, square * square)
    first, second, third, fourth = (mean(power, period) for power in powers)
    return first, second, third, fourth


def _spread(variance: FloatArray) -> FloatArray:
    """Return the variance, or 0 where it is only rounding error."""
    return np.where(variance < STILL, 0.0, variance)


def _correlation(one: FloatArray, other: FloatArray, period: int) -> FloatArray:
    return np.clip(talib.CORREL(one, other, period), -1.0, 1.0)


def _from(flags: object, first: int) -> FloatArray:
    """Return flags as numbers; NaN before row `first`."""
    numbers = np.array(flags, dtype=np.float64)
    numbers[:first] = np.nan
    return numbers


def _memory(
    name: str, word: str, lag: int, period: int, values: Indicator, start: int = 1
) -> Feature:
    def compute(bars: BarArrays) -> FloatArray:
        series = values(bars)
        return _correlation(series, lagged(series, lag), period)

    return Feature(
        f"{name}_{lag}_{period}",
        "statistical",
        f"correlation over {period} of {word} with that of {lag} bars ago",
        HL if start == 0 else C,
        (("lag", lag), ("period", period)),
        period + lag - 1 + start,
        PURE,
        compute,
    )


def _since(name: str, word: str, period: int, index: Callable[..., Any]) -> Feature:
    def compute(bars: BarArrays) -> FloatArray:
        since = np.arange(len(bars.close)) - index(bars.close, period)
        share = since / (period - 1.0)
        share[: period - 1] = np.nan
        return np.asarray(share)

    formula = f"(bars since the {word} close of {period}) / {period - 1} (TA-Lib {index.__name__})"
    return _of_period(name, formula, C, period, period - 1, compute)
