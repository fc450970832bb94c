"""Where bars come from: one file a source."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from finscale.config import Universe
from finscale.market.sources.bundled import bundled_bars
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.planted import planted_bars, planted_log_odds
from finscale.market.sources.yahoo import yahoo_bars

__all__ = ["fetch_bars", "planted_log_odds"]


def fetch_bars(
    universe: Universe,
    ticker: str,
    *,
    session: Any,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> pd.DataFrame:
    """Return one ticker's bars from the universe's source, not yet validated."""
    if universe.source == "bundled":
        return bundled_bars(ticker)
    if universe.source == "csv":
        assert universe.path is not None, "Universe holds that csv comes with a path"
        return csv_bars(Path(universe.path).expanduser(), ticker)
    if universe.source == "planted":
        assert universe.planted is not None, "Universe holds that planted comes with its values"
        return planted_bars(universe.planted, universe.start, universe.end)
    return yahoo_bars(ticker, universe.start, universe.end, session=session, sleep=sleep, rng=rng)
