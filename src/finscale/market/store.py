"""The immutable store of raw bars under the data root."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from finscale.config import DataError, Universe, load_universe, unknown
from finscale.market.bars import bars_sha256, validate_bars
from finscale.market.files import file_sha256, lock, write_parquet
from finscale.market.manifest import Entry, data_line, read_manifest, record_file, verify_file
from finscale.market.sources import fetch_bars


@dataclass(frozen=True)
class StoredBars:
    """One ticker in the store.

    Attributes
    ----------
    path : Path
        Its Parquet file.
    rows : int
    first, last : date
        First and last session.
    values_sha256 : str
        `bars_sha256` of the file's values up to the universe's end.
    fresh : bool
        Whether this call fetched it; else it was up to date.
    """

    ticker: str
    path: Path
    rows: int
    first: date
    last: date
    values_sha256: str
    fresh: bool


def prepare_raw(
    universe: Universe,
    root: Path,
    *,
    now: datetime,
    session: Any = None,
    sleep: Callable[[float], None] = time.sleep,
    rng: random.Random | None = None,
) -> tuple[StoredBars, ...]:
    """Fetch what the store does not hold yet; what it holds is never changed.

    Parameters
    ----------
    universe : Universe
    root : Path
        The data root: files go to ``root/raw/<universe>/<ticker without ^>.parquet``.
    now : datetime
        Written into the manifest as the time of retrieval.
    session, sleep, rng
        See `yahoo_bars`.

    Raises
    ------
    DataError
        At the first ticker that fails, after the others are stored; also when a stored file is
        not what the manifest or the universe says.
    """
    _check_end_is_over(universe, now)
    jitter = rng or random.Random()
    stored: list[StoredBars] = []
    failures: list[DataError] = []
    for ticker in universe.tickers:
        try:
            with lock(root):
                fresh = not _is_stored(universe, ticker, root)
                if fresh:
                    bars = fetch_bars(universe, ticker, session=session, sleep=sleep, rng=jitter)
                    _store(universe, ticker, bars, root, now)
                stored.append(_describe(universe, ticker, root, fresh))
        except DataError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return tuple(stored)


def load_bars(
    universe: Universe | str, root: Path | str, ticker: str | None = None
) -> pd.DataFrame:
    """Return the validated daily bars of the target, or of another ticker of the universe.

    Returns
    -------
    DataFrame, shape (T, 5)
        float64 open, high, low, close, volume on a DatetimeIndex of session dates.

    Raises
    ------
    ConfigError
        If the universe, or the ticker in it, is unknown.
    DataError
        If the store does not hold it, or the file is not the one in the manifest.
    """
    universe, root = load_universe(universe), Path(root)
    ticker = ticker or universe.target
    if ticker not in universe.tickers:
        raise unknown("ticker", ticker, universe.tickers)
    if not _is_stored(universe, ticker, root):
        raise DataError(
            f"bars of {ticker} in universe {universe.name}",
            expected=f"the file {root / raw_name(universe, ticker)}",
            got="no such file",
            todo=f"Run: {data_line(universe.name)}",
        )
    return pd.read_parquet(root / raw_name(universe, ticker))


def is_prepared(universe: Universe | str, root: Path | str) -> bool:
    """Tell whether every ticker is stored, intact and as the universe now describes it."""
    universe, root = load_universe(universe), Path(root)
    try:
        return all(_is_stored(universe, ticker, root) for ticker in universe.tickers)
    except DataError:
        return False


def raw_name(universe: Universe, ticker: str) -> str:
    """Return a raw file's path relative to the data root, the key of its manifest entry."""
    return f"raw/{universe.name}/{ticker.replace('^', '')}.parquet"


def _check_end_is_over(universe: Universe, now: datetime) -> None:
    if universe.source == "yahoo" and universe.end >= now.date():
        raise DataError(
            f"universe {universe.name}",
            expected="an end whose session is over, so that its bars stay what they are",
            got=f"end {universe.end} on {now.date()}",
            todo="Set end to an earlier date.",
        )


def _is_stored(universe: Universe, ticker: str, root: Path) -> bool:
    """Tell whether the ticker's file is there; raise if it is not what it should be."""
    name = raw_name(universe, ticker)
    entry = read_manifest(root).get(name)
    # A file without an entry is what an interruption between the two writes left behind.
    if entry is None or not (root / name).exists():
        return False
    wanted = _origin(universe, ticker)
    if (entry.source, entry.start, entry.end) != wanted:
        raise DataError(
            str(root / name),
            expected="bars of {}, {} to {}".format(*wanted),
            got=f"a file made from {entry.source}, {entry.start} to {entry.end}",
            todo=f"Raw files are never changed: {_again(universe, root / name)}",
        )
    verify_file(root, name, entry, _again(universe, root / name))
    return True


def _again(universe: Universe, path: Path) -> str:
    return f"Delete {path}, then run: {data_line(universe.name)}"


def _origin(universe: Universe, ticker: str) -> tuple[str, str, str]:
    details = universe.path or universe.planted
    where = f"{universe.source} {details}" if details else universe.source
    return f"{where} {ticker}", universe.start.isoformat(), universe.end.isoformat()


def _store(
    universe: Universe, ticker: str, fetched: pd.DataFrame, root: Path, now: datetime
) -> None:
    where = f"{ticker} of source {universe.source}"
    bars = validate_bars(fetched, where)
    bars = bars.loc[pd.Timestamp(universe.start) : pd.Timestamp(universe.end)]
    bars = validate_bars(bars, f"{where} from {universe.start} to {universe.end}")
    name = raw_name(universe, ticker)
    write_parquet(bars, root / name)
    source, start, end = _origin(universe, ticker)
    entry = Entry(
        sha256=file_sha256(root / name),
        values_sha256=bars_sha256(bars, universe.end),
        rows=len(bars),
        first=f"{bars.index[0]:%Y-%m-%d}",
        last=f"{bars.index[-1]:%Y-%m-%d}",
        source=source,
        start=start,
        end=end,
        retrieved=now.isoformat(timespec="seconds"),
    )
    record_file(root, name, entry)


def _describe(universe: Universe, ticker: str, root: Path, fresh: bool) -> StoredBars:
    name = raw_name(universe, ticker)
    entry = read_manifest(root)[name]
    return StoredBars(
        ticker=ticker,
        path=root / name,
        rows=entry.rows,
        first=date.fromisoformat(entry.first),
        last=date.fromisoformat(entry.last),
        values_sha256=entry.values_sha256,
        fresh=fresh,
    )
