"""A file that somebody may bring, and the market that is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

NAMES = ["Open", "High", "Low", "Close", "Volume"]
Change = Callable[[pd.DataFrame], pd.DataFrame]
Put = Callable[[Path, pd.DataFrame], object]


@dataclass(frozen=True)
class Case:
    """A file, and what is said of it.

    Attributes
    ----------
    name : str
        What it is, for people.
    put : callable
        Writes the market into the file or folder.
    says : str
        What the line holds that refuses it; empty where it is read.
    """

    name: str
    put: Put
    suffix: str = ".csv"
    says: str = ""


def market() -> pd.DataFrame:
    """Plant 43 sessions of two decimals around 1,000, from the second of January 2024 on."""
    rng = np.random.default_rng(17)
    index = pd.bdate_range("2024-01-02", periods=43, name="Date")
    close = np.round(1000.0 + np.cumsum(rng.normal(0.0, 9.0, 43)), 2)
    opens = np.round(close + rng.normal(0.0, 4.0, 43), 2)
    high = np.round(np.maximum(opens, close) + rng.uniform(0.11, 5.0, 43), 2)
    low = np.round(np.minimum(opens, close) - rng.uniform(0.11, 5.0, 43), 2)
    volume = rng.integers(900, 1_700, 43) * 1000  # exporters of millions print three digits
    return pd.DataFrame(dict(zip(NAMES, (opens, high, low, close, volume), strict=True)), index)


def of_tickers(*tickers: str, first: str = "Price") -> Change:
    """Return columns of two levels, as yfinance gives them."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        wide = pd.concat(dict.fromkeys(tickers, frame), axis="columns", names=["Ticker", "Price"])
        return wide.swaplevel(axis="columns") if first == "Price" else wide

    return change


def rows_of(*tickers: str) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        long = pd.concat(dict.fromkeys(tickers, frame), names=["Ticker"])
        return long.swaplevel().sort_index()

    return change
