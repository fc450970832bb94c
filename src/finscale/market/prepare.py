"""Filling of the store of raw bars, and its update when a universe's end moves later."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from finscale.config import DataError, Universe
from finscale.market.bars import bars_sha256
from finscale.market.fetching import Accept, Question
from finscale.market.files import lock
from finscale.market.manifest import Entry, read_manifest, record_file
from finscale.market.refresh import State, extend_by_tail, extend_by_whole
from finscale.market.replacement import put_parquet
from finscale.market.sources import UnreachableError, source_sha256
from finscale.market.store import (
    find_bars,
    first_day,
    has_changed,
    names_of,
    origin_of,
    raw_name,
)

# Number of tickers in a row without an answer (about a minute) after which a source is given up.
MAX_IN_VAIN = 3


@dataclass(frozen=True)
class StoredBars:
    """One ticker, or macro series, in the store.

    Attributes
    ----------
    path : Path
        Its Parquet file.
    rows : int
    first, last : date
        First and last session.
    values_sha256 : str
        `bars_sha256` of the file's values up to the universe's end.
    state : {"stored", "fetched", "extended", "restated"}
        What this call did. ``stored``: nothing, the file was up to date. ``fetched``: fetched it
        for the first time. ``extended``: appended bars up to a later end of the universe.
        ``restated``: fetched all bars again, because the source now gives another history.
    """

    ticker: str
    path: Path
    rows: int
    first: date
    last: date
    values_sha256: str
    state: State

    @property
    def fresh(self) -> bool:
        """True if this call changed the file, False if it was up to date."""
        return self.state != "stored"


def prepare_raw(
    universe: Universe,
    root: Path,
    *,
    now: datetime,
    vix: bool = False,
    session: Any = None,
    sleep: Callable[[float], None] = time.sleep,
    rng: random.Random | None = None,
    tell: Callable[[str], None] | None = None,
    accept: Accept | None = None,
) -> tuple[StoredBars, ...]:
    """Fetch the bars that the store lacks: new tickers, and new sessions after a later end.

    Parameters
    ----------
    universe : Universe
    root : Path
        The data root: files go to ``root/raw/<universe>/<ticker without ^>.parquet``.
    now : datetime
        Time of retrieval, written into the manifest.
    vix : bool
        Whether to fetch the universe's volatility index too.
    session, sleep, rng
        See `yahoo_bars`.
    tell : callable, optional
        Called with one line before each request to a source.
    accept : callable, optional
        Called with the name of a ticker's bars and the bars before they are stored; an error that
        it raises rejects them.

    Returns
    -------
    tuple of StoredBars
        The tickers in the universe's order, then the volatility index, then the macro series.

    Raises
    ------
    ConfigError
        If `vix` is true and the universe has no volatility index.
    DataError
        If a ticker fails, or a stored file differs from the manifest or the universe. It is raised
        after the other tickers are stored and names each failure. After three tickers in a row
        without an answer, the source is not asked again.
    """
    names = names_of(universe, vix)
    _check_end_is_over(universe, now)
    options = {"session": session, "sleep": sleep, "rng": rng or random.Random()}
    stored: list[StoredBars] = []
    failures: list[DataError] = []
    in_vain = 0
    for number, ticker in enumerate(names, 1):
        place = f"({number} of {len(names)})"
        question = Question(universe, ticker, place, options, tell or _say_nothing, accept)
        try:
            with lock(root):
                state = _bring_up_to_date(question, root, now)
                stored.append(_describe(universe, ticker, root, state))
        except DataError as error:
            failures.append(error)
            in_vain = in_vain + 1 if isinstance(error, UnreachableError) else 0
        else:
            in_vain = 0
        if in_vain == MAX_IN_VAIN:
            break
    if failures:
        raise _all_of(failures, names[number:], universe)
    return tuple(stored)


def _check_end_is_over(universe: Universe, now: datetime) -> None:
    if universe.source == "yahoo" and universe.end >= now.date():
        raise DataError(
            f"universe {universe.name}",
            expected="an end whose session is over, so that its bars no longer change",
            got=f"end {universe.end} on {now.date()}",
            todo="Set end to an earlier date.",
        )


def _say_nothing(_: str) -> None:
    """Ignore a line of progress: the default of `tell`."""


def _all_of(failures: Sequence[DataError], unasked: Sequence[str], universe: Universe) -> DataError:
    if len(failures) == 1:
        return failures[0]
    lines = " ".join(f"({number}) {failure.line}" for number, failure in enumerate(failures, 1))
    rest = f" Not asked any more: {', '.join(unasked)}." if unasked else ""
    return DataError(
        f"universe {universe.name}",
        expected="bars of every ticker",
        got=f"{len(failures)} failures: {lines}{rest}".removesuffix("."),
        todo="The bars that arrived are stored: run the same line again to continue.",
    )


def _bring_up_to_date(question: Question, root: Path, now: datetime) -> State:
    universe, ticker = question.universe, question.ticker
    entry = find_bars(universe, ticker, root)
    start, end = first_day(universe, ticker), universe.end
    is_up = entry is not None and entry.end == end.isoformat()
    if entry is not None and is_up and not has_changed(universe, ticker, entry):
        return "stored"
    # Digest before reading: if the file changes meanwhile, the next call notices it.
    source = source_sha256(universe, ticker)
    if entry is None:
        _store(question, question.ask(start, end), root, now, source)
        return "fetched"
    stored = pd.read_parquet(root / raw_name(universe, ticker))
    extend = extend_by_tail if question.is_costly else extend_by_whole
    bars, state = extend(stored, start, end, question.ask)
    if is_up and bars_sha256(bars, end) == entry.values_sha256:
        record_file(root, raw_name(universe, ticker), replace(entry, source_sha256=source))
        return "stored"
    _store(question, bars, root, now, source)
    if is_up:
        question.tell(_changed_line(ticker, entry, bars, state))
    return state


def _changed_line(ticker: str, entry: Entry, bars: pd.DataFrame, state: State) -> str:
    what = "more sessions" if state == "extended" else "other values"
    return (
        f"{ticker}: its file has changed since {entry.retrieved} and was read again ({what}: "
        f"{entry.rows:,} rows before, {len(bars):,} now). Models trained on the old values are "
        "kept under the old digest."
    )


def _store(
    question: Question, bars: pd.DataFrame, root: Path, now: datetime, source_sha256: str
) -> None:
    question.check(bars)
    universe, ticker = question.universe, question.ticker
    source, start, end = origin_of(universe, ticker)
    entry = Entry(
        sha256="",  # filled in when the file is written
        values_sha256=bars_sha256(bars, universe.end),
        rows=len(bars),
        first=f"{bars.index[0]:%Y-%m-%d}",
        last=f"{bars.index[-1]:%Y-%m-%d}",
        source=source,
        start=start,
        end=end,
        retrieved=now.isoformat(timespec="seconds"),
        source_sha256=source_sha256,
    )
    put_parquet(root, raw_name(universe, ticker), bars, entry)


def _describe(universe: Universe, ticker: str, root: Path, state: State) -> StoredBars:
    name = raw_name(universe, ticker)
    entry = read_manifest(root)[name]
    return StoredBars(
        ticker=ticker,
        path=root / name,
        rows=entry.rows,
        first=date.fromisoformat(entry.first),
        last=date.fromisoformat(entry.last),
        values_sha256=entry.values_sha256,
        state=state,
    )
