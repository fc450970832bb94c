"""Filling the store of raw bars: what it holds changes only when a universe's end moves later."""

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

# Tickers in a row for which a source may give no answer: a minute or so, then the rest is left.
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
        What this call did: nothing, since it was up to date; fetched it for the first time;
        appended what a later end of the universe asks for; or fetched it anew, since the source
        now gives another history.
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
        """Whether this call changed the file; else it was up to date."""
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
    """Fetch what the store does not hold yet, and the tail where the universe's end moved later.

    Parameters
    ----------
    universe : Universe
    root : Path
        The data root: files go to ``root/raw/<universe>/<ticker without ^>.parquet``.
    now : datetime
        Written into the manifest as the time of retrieval.
    vix : bool
        Whether the universe's volatility index is wanted too.
    session, sleep, rng
        See `yahoo_bars`.
    tell : callable, optional
        Called with one line before each question to a source.
    accept : callable, optional
        Called with what a ticker's bars are and with them, before they are stored: what it raises
        keeps them out.

    Returns
    -------
    tuple of StoredBars
        The tickers in the universe's order, the volatility index, the macro series.

    Raises
    ------
    ConfigError
        If a volatility index is wanted where there is none.
    DataError
        Naming each ticker that failed, after the others are stored; also when a stored file is
        not what the manifest or the universe says. A source that answers for three tickers in
        a row with nothing is asked no more.
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
            expected="an end whose session is over, so that its bars stay what they are",
            got=f"end {universe.end} on {now.date()}",
            todo="Set end to an earlier date.",
        )


def _say_nothing(_: str) -> None:
    """Listen in the place of those who do not."""


def _all_of(failures: Sequence[DataError], unasked: Sequence[str], universe: Universe) -> DataError:
    if len(failures) == 1:
        return failures[0]
    lines = " ".join(f"({number}) {failure.line}" for number, failure in enumerate(failures, 1))
    rest = f" Not asked any more: {', '.join(unasked)}." if unasked else ""
    return DataError(
        f"universe {universe.name}",
        expected="bars of every ticker",
        got=f"{len(failures)} failures: {lines}{rest}".removesuffix("."),
        todo="What came is stored: go on with the same line.",
    )


def _bring_up_to_date(question: Question, root: Path, now: datetime) -> State:
    universe, ticker = question.universe, question.ticker
    entry = find_bars(universe, ticker, root)
    start, end = first_day(universe, ticker), universe.end
    is_up = entry is not None and entry.end == end.isoformat()
    if entry is not None and is_up and not has_changed(universe, ticker, entry):
        return "stored"
    # Before the file is read: one that changes meanwhile is seen as changed next time.
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
        f"{entry.rows:,} rows before, {len(bars):,} now). What was trained on the old values "
        "stays, under their digest."
    )


def _store(
    question: Question, bars: pd.DataFrame, root: Path, now: datetime, source_sha256: str
) -> None:
    question.check(bars)
    universe, ticker = question.universe, question.ticker
    source, start, end = origin_of(universe, ticker)
    entry = Entry(
        sha256="",  # known when it is written
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
