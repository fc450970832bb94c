"""Requests to a source for a ticker's bars, which are checked before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from finscale.config import DataError, Universe
from finscale.market.bars import MIN_ROWS, validate_bars
from finscale.market.plausibility import DRAWN, refuse_impossible
from finscale.market.sources import fetch_bars, source_name

Accept = Callable[[str, pd.DataFrame], None]


@dataclass(frozen=True)
class Question:
    """A request to a source for the bars of one ticker or macro series.

    Attributes
    ----------
    place : str
        Number of the question among all: "(1 of 3)".
    options : mapping
        The arguments session, sleep and rng of `yahoo_bars`.
    tell : callable
        Called with one line before the source is asked.
    accept : callable, optional
        Called with the name of a ticker's bars and the bars; an error that it raises rejects them.
    """

    universe: Universe
    ticker: str
    place: str
    options: Mapping[str, Any]
    tell: Callable[[str], None]
    accept: Accept | None

    @property
    def is_series(self) -> bool:
        """Whether it asks for a macro series, whose values may be 0 or below."""
        return self.ticker in self.universe.fred

    @property
    def is_costly(self) -> bool:
        """Whether only missing bars should be requested, because the source is slow."""
        return self.universe.source == "yahoo" and not self.is_series

    def ask(self, start: date, end: date) -> pd.DataFrame:
        """Return valid bars of the sessions from `start` to `end`.

        Raises
        ------
        DataError
            If the source does not answer, or its bars are invalid.
        """
        universe, ticker = self.universe, self.ticker
        source = "fred" if self.is_series else universe.source
        self.tell(f"{ticker}: asking {source} for {start} to {end} {self.place}")
        fetched = fetch_bars(universe, ticker, start, end, **self.options)
        where, rows = fetched.where, fetched.rows
        bars = validate_bars(fetched.frame, where, positive=not self.is_series, rows=rows)
        for note in fetched.notes:
            if start <= note.day <= end and note.day not in universe.true_jumps:
                self.tell(note.text)
        kept = bars.loc[pd.Timestamp(start) : pd.Timestamp(end)]
        if len(kept) < MIN_ROWS:
            raise _outside(where, bars, kept, start, end)
        if not self.is_series and universe.source not in DRAWN:
            first = int(bars.index.searchsorted(pd.Timestamp(start)))
            refuse_impossible(kept, universe, where, rows.names[first:])
        return kept

    def check(self, bars: pd.DataFrame) -> None:
        """Pass a ticker's bars, from start to end of the universe, to `accept`, which may raise."""
        if self.accept and self.ticker in self.universe.tickers:
            self.accept(source_name(self.universe, self.ticker), bars)


def _outside(
    where: str, bars: pd.DataFrame, kept: pd.DataFrame, start: date, end: date
) -> DataError:
    return DataError(
        f"{where} from {start} to {end}",
        expected=f"at least {MIN_ROWS} bars",
        got=f"{len(kept)} of {len(bars):,}, {bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}",
        todo="Correct start and end of the universe, or the data at their source.",
    )
