"""Momentum: size and speed of price moves, and oscillators that show overbought prices."""

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
    Parameters,
    UnitRule,
    from_talib,
)
from finscale.dataset.indicators import BarArrays, FloatArray, lagged, mean, ratio

C = ("close",)
OC = ("open", "close")
HL = ("high", "low")
HLC = ("high", "low", "close")
_talib = partial(from_talib, "momentum")


def past_return(bars_back: int) -> Feature:
    """Log return of one earlier bar."""
    return Feature(
        f"return_lag_{bars_back}",
        "momentum",
        f"ln(close / close before), {bars_back} bars ago",
        C,
        (("back", bars_back),),
        bars_back + 1,
        PURE,
        lambda bars: lagged(bars.returns, bars_back),
    )


def log_return_over(period: int) -> Feature:
    """Log return over several bars."""
    return Feature(
        f"log_return_{period}",
        "momentum",
        f"ln(close / close {period} bars ago)",
        C,
        (("period", period),),
        period,
        PURE,
        lambda bars: bars.log_close - lagged(bars.log_close, period),
    )


def roc(period: int) -> Feature:
    """Rate of change."""
    return _of_period("roc", talib.ROC, C, period, period)


def intraday_mean(period: int) -> Feature:
    """Mean return from open to close."""
    return Feature(
        f"intraday_{period}",
        "momentum",
        f"mean of {period} of ln(close / open)",
        OC,
        (("period", period),),
        period - 1,
        PURE,
        lambda bars: mean(bars.intraday, period),
    )


def risk_adjusted(period: int) -> Feature:
    """Mean return in units of its standard error, as a t statistic."""

    def compute(bars: BarArrays) -> FloatArray:
        error = talib.STDDEV(bars.returns, period) / np.sqrt(period)
        return np.clip(ratio(mean(bars.returns, period), error), -10.0, 10.0)

    return Feature(
        f"return_t_{period}",
        "momentum",
        f"mean / (standard deviation / sqrt {period}) of {period} log returns, at most 10",
        C,
        (("period", period),),
        period,
        PURE,
        compute,
    )


def skipping(period: int, last: int) -> Feature:
    """Momentum that skips the last bars (Jegadeesh and Titman 1993)."""
    return Feature(
        f"momentum_{period}_{last}",
        "momentum",
        f"ln(close {last} bars ago / close {period} bars ago) (Jegadeesh and Titman 1993)",
        C,
        (("period", period), ("last", last)),
        period,
        PURE,
        lambda bars: lagged(bars.log_close, last) - lagged(bars.log_close, period),
    )


def acceleration(period: int) -> Feature:
    """Return of a period minus the return of the period before it."""

    def compute(bars: BarArrays) -> FloatArray:
        log = bars.log_close
        return log - 2.0 * lagged(log, period) + lagged(log, 2 * period)

    return Feature(
        f"acceleration_{period}",
        "momentum",
        f"log return of {period} bars - that of the {period} before",
        C,
        (("period", period),),
        2 * period,
        PURE,
        compute,
    )


def rsi(period: int) -> Feature:
    """Relative strength index (Wilder 1978)."""
    return _of_period("rsi", talib.RSI, C, period, period)


def chande(period: int) -> Feature:
    """Chande's momentum oscillator, from unsmoothed sums (Chande 1994)."""
    return _of_period("cmo", talib.CMOU, C, period, period)


def cci(period: int) -> Feature:
    """Commodity channel index (Lambert 1980)."""
    return _of_period("cci", talib.CCI, HLC, period, period - 1)


def williams(period: int) -> Feature:
    """Williams %R (Williams 1979)."""
    return _of_period("willr", talib.WILLR, HLC, period, period - 1)


def trix(period: int) -> Feature:
    """Change of a triple-smoothed average (Hutson 1983)."""
    return _of_period("trix", talib.TRIX, C, period, 3 * (period - 1) + 1)


def intraday_strength(period: int) -> Feature:
    """Intraday momentum index, an RSI of candle bodies (Chande 1994)."""
    return _of_period("imi", talib.IMI, OC, period, period - 1)


def detrended(period: int) -> Feature:
    """Detrended price oscillator."""
    return _of_period("dpo", talib.DPO, C, period, period - 1, SPAN)


def qstick(period: int) -> Feature:
    """Mean candle body (Chande 1994)."""
    return _of_period("qstick", talib.QSTICK, OC, period, period - 1, SPAN)


def forecast_error(period: int) -> Feature:
    """Distance of the close from its one-bar linear forecast, in per cent (Chande 1994)."""
    return _of_period("fosc", talib.FOSC, C, period, period)


def percent_rank(period: int) -> Feature:
    """Percentage of earlier closes below this one."""
    return _of_period("percent_rank", talib.PERCENTRANK, C, period, period)


def bulls(period: int) -> Feature:
    """High minus the exponential average (Elder 1993)."""
    return _talib(f"bulls_{period}", talib.ERI, HLC, _period(period), period - 1, SPAN, 0)


def stochastic(period: int, smooth: int, output: int = 0) -> Feature:
    """Slow stochastic, %K or %D (Lane 1984)."""
    name = f"stoch_{'kd'[output]}_{period}_{smooth}"
    parameters = (
        ("fastk_period", period),
        ("slowk_period", smooth),
        ("slowk_matype", 0),
        ("slowd_period", smooth),
    )
    warmup = period - 1 + 2 * (smooth - 1)
    return _talib(name, talib.STOCH, HLC, parameters, warmup, PERCENT, output)


def stochastic_rsi(period: int, fast: int, smooth: int) -> Feature:
    """%D of the stochastic of the RSI (Chande and Kroll 1994)."""
    parameters = (("timeperiod", period), ("fastk_period", fast), ("fastd_period", smooth))
    warmup = period + fast - 1 + smooth - 1
    name = f"stochrsi_d_{period}_{fast}_{smooth}"
    return _talib(name, talib.STOCHRSI, C, parameters, warmup, PERCENT, 1)


def kdj(period: int, smooth: int) -> Feature:
    """J line of the KDJ stochastic, 3 K - 2 D."""
    parameters = (
        ("fastk_period", period),
        ("slowk_period", smooth),
        ("slowk_matype", 13),
        ("slowd_period", smooth),
        ("slowd_matype", 13),
    )
    warmup = period - 1 + 2 * (smooth - 1)
    return _talib(f"kdj_j_{period}_{smooth}", talib.KDJ, HLC, parameters, warmup, PERCENT, 2)


def ultimate(short: int, middle: int, long: int) -> Feature:
    """Ultimate oscillator (Williams 1985)."""
    parameters = (("timeperiod1", short), ("timeperiod2", middle), ("timeperiod3", long))
    name = f"ultosc_{short}_{middle}_{long}"
    return _talib(name, talib.ULTOSC, HLC, parameters, long, PERCENT)


def true_strength(first: int, second: int) -> Feature:
    """True strength index (Blau 1991)."""
    parameters = (("firstperiod", first), ("secondperiod", second))
    return _talib(f"tsi_{first}_{second}", talib.TSI, C, parameters, first + second - 1, PERCENT)


def stochastic_momentum(period: int, fast: int, slow: int) -> Feature:
    """Stochastic momentum index (Blau 1993)."""
    parameters = (
        ("timeperiod", period),
        ("fastperiod", fast),
        ("slowperiod", slow),
        ("signalperiod", 3),
    )
    warmup = period + fast + slow - 1
    name = f"smi_{period}_{fast}_{slow}"
    return _talib(name, talib.SMI, HLC, parameters, warmup, PERCENT, 0)


def macd_histogram(fast: int, slow: int, signal: int) -> Feature:
    """MACD minus its signal line (Appel 1979; Aspray 1986)."""
    parameters = (("fastperiod", fast), ("slowperiod", slow), ("signalperiod", signal))
    name = f"macd_hist_{fast}_{slow}_{signal}"
    return _talib(name, talib.MACD, C, parameters, slow + signal - 2, SPAN, 2)


def awesome(fast: int, slow: int) -> Feature:
    """Difference of two averages of the middle price (Williams 1995)."""
    parameters = (("fastperiod", fast), ("slowperiod", slow))
    return _talib(f"ao_{fast}_{slow}", talib.AO, HL, parameters, slow - 1, SPAN)


def accelerator(fast: int, slow: int, signal: int) -> Feature:
    """Awesome oscillator minus its own average (Williams 1995)."""
    parameters = (("fastperiod", fast), ("slowperiod", slow), ("signalperiod", signal))
    name = f"ac_{fast}_{slow}_{signal}"
    return _talib(name, talib.AC, HL, parameters, slow + signal - 2, SPAN)


def coppock(smooth: int, short: int, long: int) -> Feature:
    """Weighted average of two rates of change (Coppock 1962)."""
    parameters = (("wmaperiod", smooth), ("roc1period", short), ("roc2period", long))
    name = f"coppock_{smooth}_{short}_{long}"
    return _talib(name, talib.COPPOCK, C, parameters, long + smooth - 1, PERCENT)


def cycle(output: int) -> Feature:
    """Hilbert transform of the price: in-phase or quadrature component (Ehlers 2001)."""
    name = f"ht_{('inphase', 'quadrature')[output]}"
    return _talib(name, talib.HT_PHASOR, C, (), 32, SPAN, output)


def cycle_period() -> Feature:
    """Length of the dominant cycle in bars (Ehlers 2001)."""
    return _talib("ht_period", talib.HT_DCPERIOD, C, (), 32, PERCENT)


def cycle_sine(output: int) -> Feature:
    """Sine of the dominant cycle's phase, or of this phase plus an eighth (Ehlers 2001)."""
    return _talib(f"ht_{('sine', 'leadsine')[output]}", talib.HT_SINE, C, (), 63, PURE, output)


def _period(period: int) -> Parameters:
    return (("timeperiod", period),)


def _of_period(
    name: str,
    function: Callable[..., Any],
    inputs: tuple[str, ...],
    period: int,
    warmup: int,
    unit_rule: UnitRule = PERCENT,
) -> Feature:
    return _talib(f"{name}_{period}", function, inputs, _period(period), warmup, unit_rule)
