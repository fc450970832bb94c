"""Feature tiers as data, and the bars-to-features step."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finscale.config import DataError, unknown
from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.indicators import as_arrays
from finscale.dataset.tiers.a20 import A20
from finscale.dataset.tiers.a50 import A50_ADDS
from finscale.dataset.tiers.a100 import A100_ADDS
from finscale.dataset.tiers.a200 import A200_ADDS
from finscale.dataset.tiers.a250 import A250_ADDS
from finscale.dataset.tiers.a500 import A500_ADDS

# Goes up whenever a number in a feature or in its stationary form changes.
FEATURE_VERSION = "1"

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
"""The columns of each tier: its number of indicators and the five channels of the bars."""

# Rows at the start in which a feature of the tier may be NaN.
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
        That of the bars: it decides which coarser one the cross-timescale features look at.

    Returns
    -------
    DataFrame, shape (T, C)
        On the same index; NaN only in the first ``WARMUP_ROWS[tier]`` rows. A row depends on its
        own and on earlier bars only.

    Raises
    ------
    ConfigError
        If the tier is unknown.
    DataError
        If no bar is left after the warm-up.
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
    """Compute any features of validated bars, in their natural units.

    Returns
    -------
    DataFrame, shape (T, C)
        On the index of the bars; NaN only before the largest `Feature.warmup`.
    """
    arrays = as_arrays(bars, timescale)
    values_CT = np.empty((len(features), len(bars)))
    for row, feature in zip(values_CT, features, strict=True):
        row[:] = feature.compute(arrays)
    warmup = max(feature.warmup for feature in features)
    assert np.isfinite(values_CT[:, warmup:]).all(), "a feature is not finite after the warm-up"
    names = [feature.name for feature in features]
    return pd.DataFrame(values_CT.T, index=bars.index, columns=names, copy=False)
