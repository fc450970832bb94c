"""Macro series as they could be known: no value before the day on which it was published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finscale.config import FredSeries, Universe, load_universe
from finscale.market.sources import known_dates
from finscale.market.store import load_bars


def load_known(universe: Universe | str, root: Path | str, series: FredSeries) -> pd.DataFrame:
    """Return a stored macro series, dated by the first day on whose close it may be used.

    Returns
    -------
    DataFrame, shape (T, 5)
        As `load_bars`, in order of date, which need not be a session. Of rows with one date (what
        is observed on a weekend is known with Monday's) the last is the latest.

    Raises
    ------
    ConfigError
        If the universe has no such series.
    DataError
        If the store does not hold it, or the file is not the one in the manifest.
    """
    universe = load_universe(universe)
    return as_known(load_bars(universe, root, series), series)


def as_known(bars: pd.DataFrame, series: FredSeries) -> pd.DataFrame:
    """Date observations by when they were known; all stay, for changes are counted in them."""
    dates = known_dates(series, pd.DatetimeIndex(bars.index))
    return bars.set_axis(dates).sort_index(kind="stable")
