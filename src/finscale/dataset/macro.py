"""Inputs from macro series: changes instead of levels, so that they do not drift over decades.

Each column is computed on the series' own observations. A session sees a value from the day on
which it was known (`finscale.market.load_known`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import talib

from finscale.config import DataError, FredSeries
from finscale.dataset.catalogue.feature import Feature, UnitRule
from finscale.dataset.features import build_table
from finscale.dataset.indicators import BarArrays, FloatArray, Indicator
from finscale.dataset.joining import check_overlap, join_known
from finscale.dataset.normalise import stationary_table
from finscale.dataset.stationary import unchanged

# Age in sessions from which a series counts as discontinued: a week with holidays for daily series,
# two months and a delay for monthly ones.
DAILY_AGE, MONTHLY_AGE = 10, 90
_MAX_AGE: dict[FredSeries, int] = {
    "DGS10": DAILY_AGE,
    "DGS2": DAILY_AGE,
    "DFF": DAILY_AGE,
    "UNRATE": MONTHLY_AGE,
    "CPIAUCSL": MONTHLY_AGE,
}


def change(period: int) -> Indicator:
    """Change of a rate over `period` observations, in percentage points."""
    return lambda bars: talib.MOM(bars.close, period)


def log_change(period: int) -> Indicator:
    """Log change of an index over `period` observations, in per cent."""

    def computed(bars: BarArrays) -> FloatArray:
        logs = np.log(bars.close)
        return 100.0 * talib.MOM(logs, period)

    return computed


def _macro(
    series: str, name: str, period: int, formula: str, compute: Indicator, unit: str
) -> Feature:
    return Feature(
        name=f"{series.lower()}_{name}_{period}",
        group="macro",
        formula=formula,
        inputs=("close",),
        parameters=(("period", period),),
        warmup=period,  # observations, which begin 800 days before the bars
        unit_rule=UnitRule(unit, unchanged),
        compute=compute,
    )


def _changes(series: FredSeries, *periods: int) -> tuple[Feature, ...]:
    return tuple(
        _macro(
            series,
            "change",
            n,
            f"{series} minus its value {n} observations before",
            change(n),
            "percentage points",
        )
        for n in periods
    )


MACRO: dict[FredSeries, tuple[Feature, ...]] = {
    "DGS10": _changes("DGS10", 21, 252),
    "DGS2": _changes("DGS2", 21, 252),
    "DFF": _changes("DFF", 30, 365),
    "UNRATE": _changes("UNRATE", 3, 12),
    "CPIAUCSL": tuple(
        _macro(
            "CPIAUCSL",
            "log_change",
            n,
            f"100 ln(CPIAUCSL / CPIAUCSL {n} months before)",
            log_change(n),
            "percent",
        )
        for n in (1, 12)
    ),
}
TERM_SPREAD = "term_spread"


def macro_columns(series: tuple[FredSeries, ...]) -> tuple[str, ...]:
    """Return the names of the columns of these series, in order."""
    names = [feature.name for one in series for feature in MACRO[one]]
    return (*names, *((TERM_SPREAD,) if {"DGS10", "DGS2"} <= set(series) else ()))


def macro_inputs(known: Mapping[FredSeries, pd.DataFrame], index: pd.DatetimeIndex) -> pd.DataFrame:
    """Return, for each session, the changes of every series as known at its close.

    If both DGS10 and DGS2 are given, a column has their difference, the slope of the yield curve.

    Parameters
    ----------
    known : mapping of series to DataFrame
        Flat bars, indexed by the day from which a value may be used.

    Raises
    ------
    DataError
        If a series does not cover the sessions.
    """
    blocks = [_joined(series, bars, MACRO[series], index) for series, bars in known.items()]
    if {"DGS10", "DGS2"} <= set(known):
        ten, two = (join_known(known[name][["close"]], index) for name in ("DGS10", "DGS2"))
        blocks.append((ten - two).rename(columns={"close": TERM_SPREAD}))
    return pd.concat(blocks, axis=1)


def _joined(
    series: FredSeries, bars: pd.DataFrame, features: tuple[Feature, ...], index: pd.DatetimeIndex
) -> pd.DataFrame:
    check_overlap(bars, index, f"series {series}", max_age=_MAX_AGE[series])
    table = build_table(bars, features)
    table = stationary_table(table, features, bars["close"], bars["volume"])
    joined = join_known(table, index)
    if bool(joined.iloc[0].isna().any()):
        raise DataError(
            f"series {series}",
            expected=f"a year of observations or more before {index[0]:%Y-%m-%d}",
            got=f"the first on {bars.index[0]:%Y-%m-%d}",
            todo="Start the universe later: its columns look back a year.",
        )
    return joined
