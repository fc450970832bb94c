"""Macro series by date of publication, so that no value is used before it was known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finscale.config import FredSeries, Universe, load_universe
from finscale.market.sources import known_dates
from finscale.market.store import load_bars


def load_known(universe: Universe | str, root: Path | str, series: FredSeries) -> pd.DataFrame:
    """Return a stored macro series, dated by the first day at whose close it may be used.

    Returns
    -------
    DataFrame, shape (T, 5)
        Columns as in `load_bars`, in order of date. Dates need not be sessions, and several rows
        may share one (weekend observations become known with Monday's); the last row is the latest.

    Raises
    ------
    ConfigError
        If the universe has no such series.
    DataError
        If the series is not stored, or its file differs from the manifest.
    """
    universe = load_universe(universe)
    return as_known(load_bars(universe, root, series), series)


def as_known(bars: pd.DataFrame, series: FredSeries) -> pd.DataFrame:
    """Date observations by when they were known; keep all, since changes count observations."""
    dates = known_dates(series, pd.DatetimeIndex(bars.index))
    return bars.set_axis(dates).sort_index(kind="stable")
