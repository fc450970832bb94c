"""Processed inputs on disk: stationary features of each ticker, not scaled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from finscale.config import TIMESCALES, Timescale, Universe, unknown
from finscale.dataset.features import FEATURE_VERSION, tier_features
from finscale.dataset.inputs import ExtraSeries, check_warmup, inputs_of, load_extra_series
from finscale.market import (
    Entry,
    bars_sha256,
    find_file,
    load_bars,
    lock,
    put_parquet,
    raw_name,
    read_manifest,
)


@dataclass(frozen=True, eq=False)
class TickerInputs:
    """The file of one ticker's inputs.

    Attributes
    ----------
    path : Path
    rows : int
    fresh : bool
        True if this call built the file, False if it was up to date.
    bars : DataFrame, shape (rows, 5)
        The ticker's bars on the timescale.
    """

    ticker: str
    path: Path
    rows: int
    fresh: bool
    bars: pd.DataFrame

    def read(self) -> pd.DataFrame:
        """Read the stationary features, not scaled, on the index of `bars`."""
        frame = pd.read_parquet(self.path)
        assert frame.index.equals(self.bars.index), "inputs and labels are of the same bars"
        return frame


@dataclass(frozen=True, eq=False)
class PreparedInputs:
    """Inputs of a universe, from which the windows of a model are cut.

    Attributes
    ----------
    frame : DataFrame, shape (T, C)
        The target's stationary features, not scaled; NaN only in the warm-up.
    bars : DataFrame, shape (T, 5)
        The target's bars on the timescale, with the same index.
    path : Path
        The Parquet file of `frame`.
    data_sha256 : str
        Digest of the target's raw bars: the tag ``finscale.data_sha256``.
    dataset_sha256 : str
        Digest of the sources of all inputs: the tag ``finscale.dataset_sha256``.
    fresh : bool
        True if this call built a file, False if all were up to date.
    pool : tuple of TickerInputs
        The universe's other tickers, in order of name.
    """

    frame: pd.DataFrame
    bars: pd.DataFrame
    path: Path
    data_sha256: str
    dataset_sha256: str
    fresh: bool
    pool: tuple[TickerInputs, ...] = ()


def prepare_inputs(
    universe: Universe,
    tier: str,
    timescale: Timescale,
    root: Path,
    *,
    now: datetime,
    vix: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    accept: Callable[[str, pd.DataFrame], None] = lambda *_: None,
) -> PreparedInputs:
    """Return a universe's inputs; files that do not exist yet are built.

    A ticker's file is ``root/processed/<universe>-<timescale>-<tier>[-vix][-<ticker>]-<first 12
    of its digest>.parquet``; the target's has no ticker in its name.

    Parameters
    ----------
    vix : bool
        Whether to add the universe's VIX.
    tell : callable
        Called with one line before a file is built, if the universe has several tickers.
    accept : callable
        Called with each ticker and its daily bars before anything is computed from them; an error
        that it raises rejects them.

    Raises
    ------
    ConfigError
        If the tier or the timescale is unknown.
    DataError
        If bars are not stored or too few, or a file differs from the manifest.
    """
    tier_features(tier)
    if timescale not in TIMESCALES:
        raise unknown("timescale", timescale, TIMESCALES)
    made = _Making(universe, tier, timescale, vix, load_extra_series(universe, root, vix))
    # Sorted by name, so that the order in the universe's file does not change the digest.
    order = (universe.target, *sorted(set(universe.tickers) - {universe.target}))
    bars = {ticker: load_bars(universe, root, ticker) for ticker in order}
    for ticker, frame in bars.items():
        accept(ticker, frame)
    own = {ticker: bars_sha256(frame, universe.end) for ticker, frame in bars.items()}
    tickers: list[TickerInputs] = []
    for number, ticker in enumerate(order, start=1):
        coarse = check_warmup(bars[ticker], tier, timescale, vix, f"bars of {ticker}")
        with lock(root):
            name = made.file_name(ticker, own[ticker])
            entry = find_file(root, name, f"Delete {root / name}: the next run builds it again.")
            fresh = entry is None
            if fresh:
                if len(order) > 1:
                    tell(f"{ticker}: computing {tier} ({number} of {len(order)})")
                made.write(bars[ticker], coarse, ticker, root, name, now)
            rows = read_manifest(root)[name].rows
        tickers.append(TickerInputs(ticker, root / name, rows, fresh, coarse))
    target, *pool = tickers
    return PreparedInputs(
        frame=target.read(),
        bars=target.bars,
        path=target.path,
        data_sha256=own[universe.target],
        dataset_sha256=made.digest(own),
        fresh=any(ticker.fresh for ticker in tickers),
        pool=tuple(pool),
    )


def dataset_sha256(
    data_digests: Mapping[str, str],
    tier: str,
    timescale: str,
    feature_version: str = FEATURE_VERSION,
    *,
    vix: bool = False,
) -> str:
    """Digest everything that determines the inputs.

    The digest is the same on every platform, which the last bits of the inputs are not.

    Parameters
    ----------
    data_digests : mapping of str to str
        `bars_sha256` by ticker or series.
    """
    keys: dict[str, object] = {
        "data": dict(data_digests),
        "feature_tier": tier,
        "feature_version": feature_version,
        "timescale": timescale,
    }
    # The field is newer: without the VIX, digests stay as they were.
    if vix:
        keys["vix"] = True
    canonical = json.dumps(keys, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class _Making:
    """The choices and series that the inputs of all tickers share."""

    universe: Universe
    tier: str
    timescale: Timescale
    vix: bool
    extra: ExtraSeries

    def digest(self, own: Mapping[str, str]) -> str:
        # A ticker may be pooled and an extra series too: its two digests need different keys.
        beside = {
            f"beside {name}" if name in own else name: digest
            for name, digest in self.extra.digests.items()
        }
        return dataset_sha256({**own, **beside}, self.tier, self.timescale, vix=self.vix)

    def file_name(self, ticker: str, data_sha256: str) -> str:
        """Return the file name of a ticker's inputs, with the digest of their sources."""
        universe = self.universe
        parts = [universe.name, self.timescale, self.tier, *(["vix"] if self.vix else [])]
        if ticker != universe.target:
            parts.append(Path(raw_name(universe, ticker)).stem)
        return f"processed/{'-'.join(parts)}-{self.digest({ticker: data_sha256})[:12]}.parquet"

    def write(
        self,
        bars: pd.DataFrame,
        coarse: pd.DataFrame,
        ticker: str,
        root: Path,
        name: str,
        now: datetime,
    ) -> None:
        universe = self.universe
        frame = inputs_of(bars, coarse, self.tier, self.timescale, self.extra)
        entry = Entry(
            sha256="",  # filled in when the file is written
            values_sha256=self.digest({ticker: bars_sha256(bars, universe.end)}),
            rows=len(frame),
            first=f"{frame.index[0]:%Y-%m-%d}",
            last=f"{frame.index[-1]:%Y-%m-%d}",
            source=" ".join(raw_name(universe, each) for each in (ticker, *self.extra.digests)),
            start=universe.start.isoformat(),
            end=universe.end.isoformat(),
            retrieved=now.isoformat(timespec="seconds"),
        )
        put_parquet(root, name, frame, entry)
