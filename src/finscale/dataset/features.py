"""Feature tiers as data, and the bars-to-features step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finscale.config import DataError, unknown
from finscale.dataset.indicators import (
    Indicator,
    adosc,
    adx,
    as_arrays,
    atr,
    bb_percent_b,
    dema,
    macd_line,
    obv,
    rsi,
    rsi_weekly,
    sma,
    stochrsi,
    stochrsi_weekly,
    vwap,
)
from finscale.dataset.stationary import (
    Rule,
    change_in_volumes,
    distance_to_close,
    in_volumes,
    log_relative_volume,
    log_return,
    percent,
    share_of_close,
    unchanged,
)

# Goes up whenever a number in a feature or in its stationary form changes.
FEATURE_VERSION = "1"


@dataclass(frozen=True)
class Feature:
    """One column of a tier: its name, how it is computed, how it is made stationary."""

    name: str
    compute: Indicator
    rule: Rule


TIERS: dict[str, tuple[Feature, ...]] = {
    "a20": (
        Feature("open", lambda bars: bars.open, distance_to_close),
        Feature("high", lambda bars: bars.high, distance_to_close),
        Feature("low", lambda bars: bars.low, distance_to_close),
        Feature("close", lambda bars: bars.close, log_return),
        Feature("volume", lambda bars: bars.volume, log_relative_volume),
        Feature("dema_9", dema(9), distance_to_close),
        Feature("dema_10", dema(10), distance_to_close),
        Feature("dema_20", dema(20), distance_to_close),
        Feature("dema_25", dema(25), distance_to_close),
        Feature("dema_90", dema(90), distance_to_close),
        Feature("sma_12", sma(12), distance_to_close),
        Feature("sma_50", sma(50), distance_to_close),
        Feature("sma_100", sma(100), distance_to_close),
        Feature("sma_200", sma(200), distance_to_close),
        Feature("rsi_daily", rsi, percent),
        Feature("rsi_weekly", rsi_weekly, percent),
        Feature("stochrsi_daily", stochrsi, percent),
        Feature("stochrsi_weekly", stochrsi_weekly, percent),
        Feature("macd_line", macd_line, share_of_close),
        Feature("obv", obv, change_in_volumes),
        Feature("adosc", adosc, in_volumes),
        Feature("atr_14", atr, share_of_close),
        Feature("adx_14", adx, percent),
        Feature("bb_percent_b", bb_percent_b, unchanged),
        Feature("vwap_20", vwap, distance_to_close),
    ),
}

# Rows at the start in which a feature of the tier may be NaN: sma_200 is the slowest of a20.
WARMUP_ROWS = {"a20": 199}


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


def build_features(bars: pd.DataFrame, tier: str = "a20") -> pd.DataFrame:
    """Compute a tier's features of validated bars, in their natural units.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        As `finscale.market.load_bars` returns it.
    tier : str

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
    arrays = as_arrays(bars)
    columns = {feature.name: feature.compute(arrays) for feature in features}
    table = pd.DataFrame(columns, index=bars.index)
    assert np.isfinite(table.to_numpy()[warmup:]).all(), "a feature is not finite after the warm-up"
    return table
