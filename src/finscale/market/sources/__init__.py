"""Where bars come from: one file a source."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from finscale.config import Universe
from finscale.market.sources.bundled import bundled_bars
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.fred import FRED, LOOK_BACK, fred_bars, known_dates
from finscale.market.sources.parquet import parquet_bars
from finscale.market.sources.patience import UnreachableError
from finscale.market.sources.planted import planted_bars, planted_log_odds
from finscale.market.sources.synthetic import synthetic_bars, synthetic_vix
from finscale.market.sources.yahoo import yahoo_bars

__all__ = ["FRED", "LOOK_BACK", "UnreachableError", "fetch_bars", "known_dates", "planted_log_odds"]


def fetch_bars(
    universe: Universe,
    ticker: str,
    start: date,
    end: date,
    *,
    session: Any,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> pd.DataFrame:
    """Return bars of a ticker or macro series, not yet validated; some sources give more days."""
    for series in universe.fred:
        if ticker == series:
            return fred_bars(series, start, end, session=session, sleep=sleep, rng=rng)
    if universe.source == "yahoo":
        return yahoo_bars(ticker, start, end, session=session, sleep=sleep, rng=rng)
    return _local_bars(universe, ticker, end)


def _local_bars(universe: Universe, ticker: str, end: date) -> pd.DataFrame:
    """Return bars that need no network. Drawn ones always begin where the universe does."""
    match universe.source:
        case "csv" | "parquet":
            assert universe.path is not None, "Universe holds that these come with a path"
            read = csv_bars if universe.source == "csv" else parquet_bars
            return read(Path(universe.path), ticker)
        case "planted":
            assert universe.planted is not None, "Universe holds that planted has its values"
            return planted_bars(universe.planted, universe.start, end)
        case "synthetic":
            assert universe.synthetic is not None, "Universe holds that synthetic has its values"
            if ticker == universe.vix:
                return synthetic_vix(universe.synthetic, universe.target, universe.start, end)
            return synthetic_bars(universe.synthetic, ticker, universe.start, end)
        case _:
            return bundled_bars(ticker)
