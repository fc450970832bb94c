"""Bars as arrays, on their own timescale and as finished bars of a coarser one; all causal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TRAILING = 20
# A day without trade counts as this share of the last day with trade, so that its logarithm is
# finite in any unit. Ratios of volumes are clipped to this share and its inverse.
SILENT = 1e-4


@dataclass(frozen=True, eq=False)
class BarArrays:
    """Bars as float64 arrays of shape (T,), with series that many indicators use.

    Attributes
    ----------
    day : ndarray of int64
        Days since 1970-01-01.
    period : ndarray of int64
        Number of each bar's period on the next coarser timescale.
    """

    day: IntArray
    period: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the close."""
        return np.log(self.close)

    @cached_property
    def returns(self) -> FloatArray:
        """Log return from close to close; the first value is NaN."""
        return np.diff(self.log_close, prepend=np.nan)

    @cached_property
    def overnight(self) -> FloatArray:
        """Log return from the previous close to the open."""
        return self.returns - self.intraday

    @cached_property
    def intraday(self) -> FloatArray:
        """Log return from the open to the close."""
        return np.log(self.close / self.open)

    @cached_property
    def log_range(self) -> FloatArray:
        """Log of high over low."""
        return np.log(self.high / self.low)

    @cached_property
    def typical(self) -> FloatArray:
        """Mean of high, low and close."""
        return (self.high + self.low + self.close) / 3.0

    @cached_property
    def traded(self) -> FloatArray:
        """Total volume of the last 20 bars."""
        return trailing_sum(self.volume)

    @cached_property
    def mean_volume(self) -> FloatArray:
        """Mean volume of the last 20 bars."""
        return self.traded / TRAILING

    @cached_property
    def log_volume(self) -> FloatArray:
        """Log of the volume up to a constant, finite on days without trade.

        A day without trade counts as the share `SILENT` of the last day with trade, and days before
        the first trade as this share of the first one. Only differences have a meaning.
        """
        is_traded = self.volume > 0.0
        if not is_traded.any():
            return np.zeros(len(self.volume))
        last = np.maximum.accumulate(np.where(is_traded, np.arange(len(is_traded)), -1))
        first = int(np.argmax(is_traded))
        size: FloatArray = np.log(self.volume[np.maximum(last, first)] / self.volume[first])
        return size - np.where(is_traded, np.log(SILENT), 0.0)

    @cached_property
    def place(self) -> FloatArray:
        """Place of the close between low (-1) and high (1); 0 if they are equal."""
        span = self.high - self.low
        inside = (self.close - self.low) - (self.high - self.close)
        return np.divide(inside, span, out=np.zeros_like(span), where=span > 0)

    @cached_property
    def coarser(self) -> Finished:
        """Finished bars of the next coarser timescale."""
        return finished(self, self.period)

    @cached_property
    def weeks(self) -> Finished:
        """Finished weeks."""
        return finished(self, week_number(self.day))

    @cached_property
    def months(self) -> Finished:
        """Finished calendar months."""
        return finished(self, month_number(self.day))


Indicator = Callable[[BarArrays], FloatArray]


@dataclass(frozen=True, eq=False)
class Finished:
    """Coarser bars, and for each fine bar the row of the last finished one (-1: none)."""

    bars: BarArrays
    row: IntArray

    def show(self, indicator: Indicator) -> FloatArray:
        """Compute `indicator` on the coarser bars; each fine bar gets the last finished value."""
        return np.where(self.row >= 0, indicator(self.bars)[self.row], np.nan)


def as_arrays(bars: pd.DataFrame, timescale: str = "daily") -> BarArrays:
    """Convert validated bars of a timescale to arrays."""
    columns = {name: bars[name].to_numpy(dtype=np.float64, copy=True) for name in bars.columns}
    day = bars.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return BarArrays(day=day, period=coarser_period(day, timescale), **columns)


def coarser_period(day: IntArray, timescale: str) -> IntArray:
    """Return the number of each day's period on the timescale that comes after `timescale`.

    Weeks run from Monday to Sunday. Bars of up to three sessions are grouped in weeks, weeks in
    pairs of weeks, pairs of weeks in months, and months in quarters.
    """
    if timescale == "monthly":
        return month_number(day) // 3
    if timescale == "2wk":
        return month_number(day)
    if timescale in ("5d", "weekly"):
        return week_number(day) // 2
    return week_number(day)


def week_number(day: IntArray) -> IntArray:
    """Number the calendar weeks, Monday to Sunday."""
    # 1970-01-01 was a Thursday; its week began three days earlier.
    return (day + 3) // 7


def month_number(day: IntArray) -> IntArray:
    """Number the calendar months from January 1970."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def finished(bars: BarArrays, period: IntArray) -> Finished:
    """Aggregate bars by period: first open, highest high, lowest low, last close.

    Each bar sees the last finished period. A Friday does not see its own week, even if it is the
    week's last session, because this is known only afterwards.
    """
    first = np.flatnonzero(np.diff(period, prepend=period[0] - 1))
    last = np.append(first[1:], len(period)) - 1
    number = period[first]
    coarse = BarArrays(
        day=bars.day[last],
        period=number,
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume, first),
    )
    return Finished(coarse, np.searchsorted(number, period) - 1)


def trailing_sum(values_T: FloatArray, window: int = TRAILING) -> FloatArray:
    """Return the sum of the last `window` values; NaN while there are fewer.

    Each window is summed separately: a running sum would carry the rounding error of a large volume
    into every later window, so that zero would no longer be zero.
    """
    sums = np.full(len(values_T), np.nan)
    if len(values_T) >= window:
        sums[window - 1 :] = sliding_window_view(values_T, window).sum(axis=1)
    return sums


def lagged(values_T: FloatArray, bars: int) -> FloatArray:
    """Return the values of `bars` bars ago (one or more); NaN while there is none."""
    shifted = np.full(len(values_T), np.nan)
    shifted[bars:] = values_T[:-bars]
    return shifted


def ratio(over_T: FloatArray, under_T: FloatArray, empty: float = 0.0) -> FloatArray:
    """Divide two series; `empty` where the divisor is 0, NaN where it is NaN."""
    quotient = np.where(np.isnan(under_T), np.nan, empty)
    return np.divide(over_T, under_T, out=quotient, where=under_T > 0.0)


def relative(over_T: FloatArray, under_T: FloatArray) -> FloatArray:
    """Divide two volumes, clipped to `SILENT` and its inverse; 1 where both are 0."""
    both = np.where(over_T > 0.0, np.inf, 1.0)
    empty = np.where(np.isnan(over_T) | np.isnan(under_T), np.nan, both)
    quotient = np.divide(over_T, under_T, out=empty, where=under_T > 0.0)
    return np.clip(quotient, SILENT, 1.0 / SILENT)


def mean(values_T: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last `window` values; leading NaN are allowed, zeros give 0."""
    return trailing_sum(values_T, window) / window


def root(values_T: FloatArray) -> FloatArray:
    """Return the square root; slightly negative values, from rounding, count as 0."""
    return np.sqrt(np.maximum(values_T, 0.0))
