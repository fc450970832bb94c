"""Volume: amount of trading, its direction, and its effect on prices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import talib
from numpy.typing import NDArray

from finscale.dataset.catalogue.feature import (
    PERCENT,
    PURE,
    TRADED,
    TURNED_OVER,
    Feature,
    Parameters,
    from_talib,
    of_period,
)
from finscale.dataset.indicators import (
    BarArrays,
    FloatArray,
    Indicator,
    lagged,
    mean,
    ratio,
    relative,
)

V = ("volume",)
CV = ("close", "volume")
HLCV = ("high", "low", "close", "volume")
_talib = partial(from_talib, "volume")
_of_period = partial(of_period, "volume")


def volume_ratio(short: int, long: int) -> Feature:
    """Log ratio of the mean volume over a short and a long period."""

    def compute(bars: BarArrays) -> FloatArray:
        late, longer = (mean(bars.volume, n) for n in (short, long))
        return np.log(relative(late, longer))

    return Feature(
        f"volume_ratio_{short}_{long}",
        "volume",
        f"ln(mean volume of {short} / mean volume of {long})",
        V,
        (("short", short), ("long", long)),
        long - 1,
        PURE,
        compute,
    )


def relative_volume(period: int) -> Feature:
    """Log ratio of the volume to the mean volume of the bars before."""
    return _of_period(
        "rvol",
        f"ln(volume / mean volume of the {period} bars before)",
        V,
        period,
        period,
        lambda bars: np.log(relative(bars.volume, lagged(mean(bars.volume, period), 1))),
    )


def volume_gap(fast: int, slow: int) -> Feature:
    """Fast exponential average of the volume over the slow one, minus one."""
    parameters = (("fastperiod", fast), ("slowperiod", slow), ("matype", 1))
    return _talib(f"pvo_{fast}_{slow}", talib.PVO, V, parameters, slow - 1, PERCENT)


def volume_change(back: int) -> Feature:
    """Log change of the volume over some bars."""
    return _of_period(
        "volume_change",
        f"ln(volume / volume of {back} bars ago)",
        V,
        back,
        back,
        lambda bars: bars.log_volume - lagged(bars.log_volume, back),
    )


def volume_z(period: int) -> Feature:
    """Log volume in standard deviations from its mean, at most 5."""

    def compute(bars: BarArrays) -> FloatArray:
        deviation = talib.STDDEV(bars.log_volume, period)
        return np.clip(ratio(bars.log_volume - mean(bars.log_volume, period), deviation), -5, 5)

    formula = f"(ln(volume) - mean) / standard deviation of {period}, at most 5"
    return _of_period("volume_z", formula, V, period, period - 1, compute)


def volume_spread(period: int) -> Feature:
    """Standard deviation of log volume."""
    return _of_period(
        "volume_spread",
        f"standard deviation of {period} of ln(volume)",
        V,
        period,
        period - 1,
        lambda bars: talib.STDDEV(bars.log_volume, period),
    )


def volume_rank(period: int) -> Feature:
    """Percentage of earlier volumes below this one."""
    return _talib(f"volume_rank_{period}", talib.PERCENTRANK, V, _period(period), period, PERCENT)


def volume_memory(lag: int, period: int) -> Feature:
    """Autocorrelation of changes of log volume."""

    def compute(bars: BarArrays) -> FloatArray:
        change = np.diff(bars.log_volume, prepend=np.nan)
        return np.clip(talib.CORREL(change, lagged(change, lag), period), -1.0, 1.0)

    return Feature(
        f"volume_autocorr_{lag}_{period}",
        "volume",
        f"correlation over {period} of the change of ln(volume) with that of {lag} bars ago",
        V,
        (("lag", lag), ("period", period)),
        period + lag,
        PURE,
        compute,
    )


def volume_trend(period: int) -> Feature:
    """Correlation of log volume and time."""

    def compute(bars: BarArrays) -> FloatArray:
        time = np.arange(len(bars.volume), dtype=np.float64)
        level = bars.log_volume - bars.log_volume[0]
        return np.clip(talib.CORREL(level, time, period), -1.0, 1.0)

    formula = f"correlation of ln(volume) and time over {period}"
    return _of_period("volume_trend", formula, V, period, period - 1, compute)


def volume_with_return(period: int) -> Feature:
    """Correlation of the change of log volume with the return."""
    return _correlation("volume_return_corr", "the log return", period, lambda bars: bars.returns)


def volume_with_size(period: int) -> Feature:
    """Correlation of the change of log volume with the absolute return (Karpoff 1987)."""
    return _correlation(
        "volume_size_corr", "its size |log return|", period, lambda bars: np.abs(bars.returns)
    )


def up_volume(period: int) -> Feature:
    """Share of the volume that is traded on rising bars."""

    def compute(bars: BarArrays) -> FloatArray:
        rising = bars.volume * np.where(np.isnan(bars.returns), np.nan, bars.returns > 0.0)
        traded = mean(bars.volume, period)
        share = ratio(mean(rising, period), traded, empty=0.5)
        return np.clip(share, 0.0, 1.0)

    formula = f"volume of rising days / volume, over {period}"
    return _of_period("up_volume", formula, CV, period, period, compute)


def money_flow(period: int) -> Feature:
    """Money flow index, an RSI of typical price times volume (Quong and Soudack 1989)."""
    return _talib(f"mfi_{period}", talib.MFI, HLCV, _period(period), period, PERCENT)


def chaikin_flow(period: int) -> Feature:
    """Chaikin money flow: volume weighted by the place of the close in the range."""

    def compute(bars: BarArrays) -> FloatArray:
        traded = mean(bars.volume, period)
        flow = ratio(mean(bars.place * bars.volume, period), traded)
        return np.clip(flow, -1.0, 1.0)

    formula = f"sum of place * volume / sum of volume over {period}, place = (2c-h-l)/(h-l)"
    return _of_period("cmf", formula, HLCV, period, period - 1, compute)


def chaikin_oscillator(fast: int, slow: int) -> Feature:
    """Fast EMA minus slow EMA of the accumulation/distribution line (Chaikin)."""
    parameters = (("fastperiod", fast), ("slowperiod", slow))
    return _talib(f"adosc_{fast}_{slow}", talib.ADOSC, HLCV, parameters, slow - 1, TRADED)


def balance_change(period: int) -> Feature:
    """Mean change per bar of on-balance volume (Granville 1963)."""

    def compute(bars: BarArrays) -> FloatArray:
        balance = talib.OBV(bars.close, bars.volume)
        return (balance - lagged(balance, period)) / period

    formula = f"(TA-Lib OBV - OBV of {period} bars ago) / {period}"
    return _of_period("obv_change", formula, CV, period, period, compute, TRADED)


def force(period: int) -> Feature:
    """Elder's force: change of the close times volume, smoothed (Elder 1993)."""
    return _talib(f"efi_{period}", talib.EFI, CV, _period(period), period, TURNED_OVER)


def quiet_days(period: int) -> Feature:
    """Mean return per bar from bars with less volume than the bar before (Fosback 1976)."""
    return _on_days("nvi_change", "fell", period, lambda change: change < 0.0)


def busy_days(period: int) -> Feature:
    """Mean return per bar from bars with more volume than the bar before (Fosback 1976)."""
    return _on_days("pvi_change", "rose", period, lambda change: change > 0.0)


def illiquidity(period: int) -> Feature:
    """Mean price move per unit of relative volume (Amihud 2002)."""

    def compute(bars: BarArrays) -> FloatArray:
        traded = relative(bars.volume, bars.mean_volume)
        return mean(np.minimum(np.abs(bars.returns) / traded, 1.0), period)

    formula = f"mean of {period} of |log return| / (volume / mean volume of 20) (Amihud 2002)"
    return _of_period("amihud", formula, CV, period, period + 18, compute)


def ease(period: int) -> Feature:
    """Ease of movement: move of the middle price, scaled by range and volume (Arms 1996)."""

    def compute(bars: BarArrays) -> FloatArray:
        middle = np.log(bars.high * bars.low) / 2.0
        traded = relative(bars.volume, bars.mean_volume)
        move = np.diff(middle, prepend=np.nan) * bars.log_range / traded
        return mean(np.clip(move, -1.0, 1.0), period)

    formula = f"mean of {period} of change of ln middle * ln(high/low) / relative volume (Arms)"
    return _of_period(
        "ease_of_movement", formula, ("high", "low", "volume"), period, period + 18, compute
    )


def since_busiest(period: int) -> Feature:
    """Bars since the largest volume of a period, as a share of the period."""

    def compute(bars: BarArrays) -> FloatArray:
        since = np.arange(len(bars.volume)) - talib.MAXINDEX(bars.volume, period)
        share = since / (period - 1.0)
        share[: period - 1] = np.nan
        return share

    formula = f"(bars since the largest volume of {period}) / {period - 1}"
    return _of_period("since_volume_high", formula, V, period, period - 1, compute)


def concentration(period: int) -> Feature:
    """Log ratio of the largest volume of a period to the mean volume."""

    def compute(bars: BarArrays) -> FloatArray:
        usual = mean(bars.volume, period)
        return np.log(relative(talib.MAX(bars.volume, period), usual))

    formula = f"ln(largest volume of {period} / mean volume)"
    return _of_period("volume_peak", formula, V, period, period - 1, compute)


def range_per_volume(period: int) -> Feature:
    """Range per unit of volume (market facilitation, Williams 1995), relative to its mean."""

    def compute(bars: BarArrays) -> FloatArray:
        size = bars.log_range / relative(bars.volume, bars.mean_volume)
        return np.clip(ratio(size, mean(size, period), empty=1.0), 0.0, 20.0)

    formula = f"x / mean of {period} of x, x = ln(high/low) / relative volume, at most 20"
    return _of_period(
        "facilitation", formula, ("high", "low", "volume"), period, period + 18, compute
    )


def _on_days(
    name: str, word: str, period: int, chosen: Callable[[FloatArray], NDArray[np.bool_]]
) -> Feature:
    def compute(bars: BarArrays) -> FloatArray:
        change = np.diff(bars.volume, prepend=np.nan)
        return mean(bars.returns * chosen(change), period)

    formula = f"mean of {period} of the log return where volume {word}, else 0 (Fosback 1976)"
    return _of_period(name, formula, CV, period, period, compute)


def _correlation(name: str, word: str, period: int, other: Indicator) -> Feature:
    def compute(bars: BarArrays) -> FloatArray:
        change = np.diff(bars.log_volume, prepend=np.nan)
        return np.clip(talib.CORREL(change, other(bars), period), -1.0, 1.0)

    formula = f"correlation over {period} of the change of ln(volume) with {word}"
    return _of_period(name, formula, CV, period, period, compute)


def _period(period: int) -> Parameters:
    return (("timeperiod", period),)
