"""Drawn bars for tests of what is computed from them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def random_bars(n: int, seed: int, freq: str = "B", start: str = "2001-01-01") -> pd.DataFrame:
    """Draw valid bars, from a Monday on."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    opening = close * np.exp(rng.normal(0, 0.005, n))
    spread = np.abs(rng.normal(0, 0.01, (2, n)))
    columns = {
        "open": opening,
        "high": np.maximum(opening, close) * (1 + spread[0]),
        "low": np.minimum(opening, close) * (1 - spread[1]),
        "close": close,
        "volume": np.floor(rng.lognormal(10, 1, n)),
    }
    index = pd.date_range(start, periods=n, freq=freq, name="date", unit="us")
    return pd.DataFrame(columns, index=index)
