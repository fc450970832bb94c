"""The store of raw bars under the data root: its content, and how to read it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from finscale.config import (
    OWN_FILES,
    ConfigError,
    DataError,
    Universe,
    check_ticker,
    file_stem,
    load_universe,
    unknown,
)
from finscale.market.bars import FIRST_DAY, LAST_DAY
from finscale.market.manifest import Entry, data_line
from finscale.market.replacement import find_file
from finscale.market.sources import LOOK_BACK, source_sha256


def load_bars(
    universe: Universe | str, root: Path | str, ticker: str | None = None
) -> pd.DataFrame:
    """Return the validated daily bars of the target, or of another ticker of the universe.

    Parameters
    ----------
    ticker : str, optional
        Another ticker, the volatility index, or a macro series. Rows of a macro series have the
        date that they describe; `load_known` gives them the date on which they were known.

    Returns
    -------
    DataFrame, shape (T, 5)
        float64 open, high, low, close, volume on a DatetimeIndex of session dates.

    Raises
    ------
    ConfigError
        If the universe, or the ticker in it, is unknown.
    DataError
        If the bars are not stored, or their file differs from the manifest.

    Examples
    --------
    The command `mlflow run . -e data` has prepared the universe in the folder `data`:

    >>> from finscale.market import load_bars
    >>> bars = load_bars("sp500", "data")
    >>> bars.tail(2)
                       open        high          low        close        volume
    date
    2018-12-28  2498.770020  2520.27002  2472.889893  2485.739990  3.702620e+09
    2018-12-31  2498.939941  2509.23999  2482.820068  2506.850098  3.442870e+09
    """
    universe, root = load_universe(universe), Path(root)
    ticker = ticker or universe.target
    name = _known_name(universe, ticker)
    entry = find_bars(universe, ticker, root)
    if entry is None or entry.end != universe.end.isoformat():
        line = data_line(universe.name, root, vix=ticker == universe.vix)
        raise DataError(
            f"bars of {ticker} in universe {universe.name}",
            expected=f"the file {root / name} with sessions to {universe.end}",
            got="no such file" if entry is None else f"a file with sessions to {entry.end}",
            todo=f"Run: {line}",
        )
    return pd.read_parquet(root / name)


def is_prepared(universe: Universe | str, root: Path | str, vix: bool = False) -> bool:
    """Tell whether every file that `prepare_raw` would store exists, intact and up to date."""
    universe, root = load_universe(universe), Path(root)
    end = universe.end.isoformat()
    try:
        entries = [find_bars(universe, name, root) for name in names_of(universe, vix)]
    except DataError:
        return False
    named = zip(names_of(universe, vix), entries, strict=True)
    return all(
        entry is not None and entry.end == end and not has_changed(universe, name, entry)
        for name, entry in named
    )


def raw_name(universe: Universe, ticker: str) -> str:
    """Return a raw file's path relative to the data root, which is its key in the manifest.

    Raises
    ------
    ConfigError
        If the ticker is not a valid file name.
    """
    check_ticker(ticker, f"ticker of universe {universe.name}")
    return f"raw/{universe.name}/{file_stem(ticker)}.parquet"


def names_of(universe: Universe, vix: bool) -> list[str]:
    """Return the tickers, the volatility index and the macro series of a universe, each once.

    Raises
    ------
    ConfigError
        If `vix` is true and the universe has no volatility index, or its dates are impossible.
    """
    _check_sessions(universe)
    if vix and universe.vix is None:
        raise ConfigError(
            f"universe {universe.name}",
            expected="a volatility index under vix",
            got="none",
            todo="Add the ticker that it has in the universe's source, such as ^VIX, or omit vix.",
        )
    index = [universe.vix] if vix and universe.vix else []
    return list(dict.fromkeys([*universe.tickers, *index, *universe.fred]))


def _check_sessions(universe: Universe) -> None:
    # A file is cut to start and end, whatever they are; other sources must deliver every day.
    is_cut = universe.source in (*OWN_FILES, "bundled") and not universe.fred
    if not is_cut and not FIRST_DAY <= universe.start < universe.end <= LAST_DAY:
        raise ConfigError(
            f"universe {universe.name}",
            expected=f"sessions from {FIRST_DAY} to {LAST_DAY}",
            got=f"start {universe.start}, end {universe.end}",
            todo="Set start to the first session that you want.",
        )


def find_bars(universe: Universe, ticker: str, root: Path) -> Entry | None:
    """Return the manifest entry of a ticker's file, or None; its end may be an earlier one.

    Raises
    ------
    DataError
        If the file differs from its entry, or the entry from the universe.
    """
    name = raw_name(universe, ticker)
    again = f"Delete {root / name}, then run: {data_line(universe.name, root)}"
    entry = find_file(root, name, again)
    if entry is None:
        return None
    source, start, end = origin_of(universe, ticker)
    # An earlier end is fine: `prepare_raw` extends such a file.
    if (entry.source, entry.start) != (source, start) or entry.end > end:
        raise DataError(
            str(root / name),
            expected=f"bars of {source}, {start} to {end}",
            got=f"a file made from {entry.source}, {entry.start} to {entry.end}",
            todo=f"Raw files are never changed: {again}",
        )
    return entry


def has_changed(universe: Universe, ticker: str, entry: Entry) -> bool:
    """Tell whether the user's own file has changed since its raw file was made.

    A file that is missing, or whose digest was not stored, counts as unchanged.
    """
    now = source_sha256(universe, ticker) if entry.source_sha256 else ""
    return bool(now) and now != entry.source_sha256


def first_day(universe: Universe, ticker: str) -> date:
    """Return the first day to request; macro series begin earlier, to be known at the start."""
    return universe.start - LOOK_BACK if ticker in universe.fred else universe.start


def origin_of(universe: Universe, ticker: str) -> tuple[str, str, str]:
    """Return source, start and end in the form that the manifest has."""
    dates = (first_day(universe, ticker).isoformat(), universe.end.isoformat())
    if ticker in universe.fred:
        return f"fred {ticker}", *dates
    details = universe.path or universe.planted or universe.synthetic
    where = f"{universe.source} {details}" if details else universe.source
    # The volatility index of a synthetic market belongs to its target.
    of = f" of {universe.target}" if universe.synthetic and ticker == universe.vix else ""
    return f"{where} {ticker}{of}", *dates


def _known_name(universe: Universe, ticker: str) -> str:
    name = raw_name(universe, ticker)
    known = names_of(universe, vix=universe.vix is not None)
    if ticker not in known:
        raise unknown("ticker", ticker, known)
    return name
