"""Bars of what has one value a day."""

from __future__ import annotations

import pandas as pd


def flat_bars(values: pd.Series[float]) -> pd.DataFrame:
    """Return bars that open, peak, bottom and close at a day's value; days without are left out."""
    known = values.dropna()
    prices = dict.fromkeys(("open", "high", "low", "close"), known)
    return pd.DataFrame({**prices, "volume": 0.0}, index=known.index)
