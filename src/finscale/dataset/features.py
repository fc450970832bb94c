"""The feature tiers, and the computation of their features from bars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finscale.config import DataError, unknown
from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.indicators import FloatArray, as_arrays
from finscale.dataset.tiers.a20 import A20
from finscale.dataset.tiers.a50 import A50_ADDS
from finscale.dataset.tiers.a100 import A100_ADDS
from finscale.dataset.tiers.a200 import A200_ADDS
from finscale.dataset.tiers.a250 import A250_ADDS
from finscale.dataset.tiers.a500 import A500_ADDS

# Raise this version whenever the values of a feature or of its stationary form change.
FEATURE_VERSION = "2"

A50 = A20 + A50_ADDS
A100 = A50 + A100_ADDS
A200 = A100 + A200_ADDS
A250 = A200 + A250_ADDS
TIERS: dict[str, tuple[Feature, ...]] = {
    "a20": A20,
    "a50": A50,
    "a100": A100,
    "a200": A200,
    "a250": A250,
    "a500": A250 + A500_ADDS,
}
"""The columns of each tier: as many indicators as its name says, and five channels of the bars."""

# The stationary form of a feature has no unit, but TA-Lib takes sums below an absolute size (1e-14;
# 1 for money flow) for zero. So bars are rescaled to a first close near 2^10 and a first volume
# near 2^40; powers of two leave all digits unchanged.
PRICE_SIZE, VOLUME_SIZE = 10, 40
# Groups that are not rescaled, because their levels have a meaning: a VIX of 25 is high.
NOT_OF_BARS = ("vix", "macro")

# Number of rows at the start in which a feature of the tier may be NaN.
WARMUP_ROWS = {tier: max(each.warmup for each in features) for tier, features in TIERS.items()}


def tier_features(tier: str) -> tuple[Feature, ...]:
    """Return the features of a tier in column order.

    Raises
    ------
    ConfigError
        If there is no such tier.
    """
    if tier not in TIERS:
        raise unknown("feature_tier", tier, TIERS)
    return TIERS[tier]


def build_features(bars: pd.DataFrame, tier: str = "a20", timescale: str = "daily") -> pd.DataFrame:
    """Compute a tier's features of validated bars, in their natural units.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        As `finscale.market.load_bars` returns it.
    tier : str
    timescale : str
        Timescale of the bars, which determines the coarser one of the cross-timescale features.

    Returns
    -------
    DataFrame, shape (T, C)
        On the same index; NaN only in the first ``WARMUP_ROWS[tier]`` rows. A row depends only on
        its own bar and on earlier ones.

    Raises
    ------
    ConfigError
        If the tier is unknown.
    DataError
        If no bar is left after the warm-up.

    Examples
    --------
    >>> from finscale.dataset import build_features
    >>> from finscale.market import load_bars
    >>> features = build_features(load_bars("sp500", "data"), "a20")
    >>> features.shape
    (5031, 25)
    >>> features[["rsi_daily", "atr_14"]].tail(2).round(2)
                rsi_daily  atr_14
    date
    2018-12-28      38.99   64.33
    2018-12-31      41.71   61.62
    """
    features = tier_features(tier)
    warmup = WARMUP_ROWS[tier]
    if len(bars) <= warmup:
        raise DataError(
            f"bars for features of tier {tier}",
            expected=f"more than {warmup}, its warm-up",
            got=str(len(bars)),
            todo="Start the universe earlier or end it later.",
        )
    return build_table(bars, features, timescale)


def build_table(
    bars: pd.DataFrame, features: tuple[Feature, ...], timescale: str = "daily"
) -> pd.DataFrame:
    """Compute the given features of validated bars, in their natural units.

    Returns
    -------
    DataFrame, shape (T, C)
        On the index of the bars; NaN only before the largest `Feature.warmup`.

    Raises
    ------
    DataError
        If an indicator of the bars is not finite.
    """
    price = volume = 1.0
    if not any(feature.group in NOT_OF_BARS for feature in features):
        price = _unit(bars["close"].to_numpy(), PRICE_SIZE)
        volume = _unit(bars["volume"].to_numpy(), VOLUME_SIZE)
    by = [volume if name == "volume" else price for name in bars.columns]
    arrays = as_arrays(bars / by, timescale)
    units = {"price": price, "units traded": volume, "price * units traded": price * volume}
    values_CT = np.empty((len(features), len(bars)))
    for row, feature in zip(values_CT, features, strict=True):
        row[:] = feature.compute(arrays) * units.get(feature.unit, 1.0)
    warmup = max(feature.warmup for feature in features)
    names = [feature.name for feature in features]
    _check_finite(values_CT[:, warmup:], names, bars.index[warmup:])
    return pd.DataFrame(values_CT.T, index=bars.index, columns=names, copy=False)


def _check_finite(values_CT: FloatArray, names: list[str], index: pd.Index) -> None:
    holes = np.argwhere(~np.isfinite(values_CT))
    if len(holes):
        column, row = holes[0]
        raise DataError(
            f"feature {names[column]}",
            expected="bars whose indicators are finite numbers",
            got=f"{values_CT[column, row]} on {index[row]:%Y-%m-%d}",
            todo="Look for impossible prices or volumes up to that day, and correct them.",
        )


def _unit(values: FloatArray, size: int) -> float:
    """Return the power of two by which to divide to bring the first positive value near 2^size."""
    positive = np.flatnonzero(values > 0.0)
    if len(positive) == 0:
        return 1.0
    _, exponent = np.frexp(values[positive[0]])
    return float(np.ldexp(1.0, int(exponent) - 1 - size))
