"""Fetching bars of a ticker from the source of its universe."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from finscale.config import OWN_FILES, DataError, Source, Universe
from finscale.market.rows import Fetched
from finscale.market.sources.bundled import bundled_bars
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.file import find_table, table_sha256
from finscale.market.sources.fred import fred_bars
from finscale.market.sources.parquet import parquet_bars
from finscale.market.sources.planted import planted_bars
from finscale.market.sources.synthetic import synthetic_bars, synthetic_vix
from finscale.market.sources.yahoo import yahoo_bars

_READERS: dict[Source, Callable[[Path, str], Fetched]] = {"csv": csv_bars, "parquet": parquet_bars}


def fetch_bars(
    universe: Universe,
    ticker: str,
    start: date,
    end: date,
    *,
    session: Any,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> Fetched:
    """Fetch bars of a ticker or macro series, not yet validated, possibly with additional days."""
    for series in universe.fred:
        if ticker == series:
            frame = fred_bars(series, start, end, session=session, sleep=sleep, rng=rng)
            return Fetched(frame, source_name(universe, ticker))
    if universe.source in OWN_FILES:
        assert universe.path is not None, "Universe ensures that these come with a path"
        return _READERS[universe.source](Path(universe.path), ticker)
    if universe.source == "yahoo":
        frame = yahoo_bars(ticker, start, end, session=session, sleep=sleep, rng=rng)
    else:
        frame = _made_bars(universe, ticker, end)
    return Fetched(frame, source_name(universe, ticker))


def source_name(universe: Universe, ticker: str) -> str:
    """Return the name of a ticker's bars in messages: the user's own file, or ticker and source."""
    own = _own_file(universe, ticker)
    source = "fred" if ticker in universe.fred else universe.source
    return str(own) if own else f"{ticker} of source {source}"


def source_sha256(universe: Universe, ticker: str) -> str:
    """Return the digest of the user's own file of a ticker; empty without such a file."""
    own = _own_file(universe, ticker)
    try:
        return table_sha256(own) if own else ""
    except OSError:
        return ""


def _own_file(universe: Universe, ticker: str) -> Path | None:
    if universe.source not in OWN_FILES or ticker in universe.fred:
        return None
    assert universe.path is not None, "Universe ensures that these come with a path"
    kind = OWN_FILES[universe.source]
    try:
        return find_table(Path(universe.path), ticker, f".{universe.source}", kind)
    except DataError:
        return None


def _made_bars(universe: Universe, ticker: str, end: date) -> pd.DataFrame:
    """Return bundled or generated bars; generated ones begin at the universe's start."""
    match universe.source:
        case "planted":
            assert universe.planted is not None, "Universe ensures that planted has its values"
            return planted_bars(universe.planted, universe.start, end)
        case "synthetic":
            assert universe.synthetic is not None, "Universe ensures that synthetic has its values"
            if ticker == universe.vix:
                return synthetic_vix(universe.synthetic, universe.target, universe.start, end)
            return synthetic_bars(universe.synthetic, ticker, universe.start, end)
        case _:
            return bundled_bars(ticker)
