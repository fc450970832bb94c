"""Flat bars, for series with one value a day."""

from __future__ import annotations

import pandas as pd


def flat_bars(values: pd.Series[float]) -> pd.DataFrame:
    """Return bars whose four prices are the value of the day; days without a value are dropped."""
    known = values.dropna()
    prices = dict.fromkeys(("open", "high", "low", "close"), known)
    return pd.DataFrame({**prices, "volume": 0.0}, index=known.index)
