"""Universes: which tickers from which source, and where training ends."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from finscale.config.errors import ConfigError
from finscale.config.files import Frozen, Named, load_named

_TICKER = re.compile(r"[A-Za-z0-9^][A-Za-z0-9^=._-]{0,31}", re.ASCII)


class Planted(Frozen):
    """A market of the laboratory: how tomorrow's direction hangs on what a model can see.

    Attributes
    ----------
    n_lags : int
        Sessions whose opens carry the signal, today's first; 0: nothing can be known.
    strength : float
        Standard deviation of the log odds that the next close is above today's.
    seed : int
        Of every draw.
    """

    n_lags: Annotated[int, Field(ge=0, le=250)]
    strength: Annotated[float, Field(ge=0, le=10)]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42


class Universe(Named):
    """A fixed set of assets and the dates that cut it into parts.

    Attributes
    ----------
    source : {"bundled", "yahoo", "csv", "planted"}
        Where bars come from; `csv` reads ``<path>/<ticker>.csv``, `planted` draws them.
    target : str
        The ticker that validation and test are about.
    start, end : date
        First and last session that enter; `end` is fixed so that digests are comparable.
    train_end, validation_end : date
        Last sessions of the training and the validation part; the test is the rest.
    evaluation_start : date, optional
        First session that walk-forward evaluates.
    planted : Planted, optional
        Of source `planted`.
    """

    source: Literal["bundled", "yahoo", "csv", "planted"]
    target: str
    tickers: tuple[str, ...]
    start: date
    train_end: date
    validation_end: date
    end: date
    evaluation_start: date | None = None
    path: str | None = None
    # Left out of a dump where there is none: it came later, and old studies keep their identity.
    planted: Annotated[Planted | None, Field(exclude_if=lambda planted: planted is None)] = None

    @model_validator(mode="after")
    def _check(self) -> Universe:
        where = f"universe {self.name}"
        for ticker in self.tickers:
            if not _TICKER.fullmatch(ticker):
                raise ConfigError(
                    where,
                    expected="tickers of letters, digits and ^ = . _ -",
                    got=repr(ticker),
                    todo="Correct the ticker: it becomes a file name.",
                )
        if self.target not in self.tickers:
            raise ConfigError(
                where,
                expected=f"a target among its tickers {', '.join(self.tickers)}",
                got=repr(self.target),
                todo="Add it to the tickers.",
            )
        if not self.start < self.train_end < self.validation_end < self.end:
            raise ConfigError(
                where,
                expected="start < train_end < validation_end < end",
                got=f"{self.start}, {self.train_end}, {self.validation_end}, {self.end}",
                todo="Put the dates in order.",
            )
        evaluation = self.evaluation_start
        if evaluation is not None and not self.start < evaluation < self.end:
            raise ConfigError(
                where,
                expected=f"an evaluation_start between start {self.start} and end {self.end}",
                got=str(evaluation),
                todo="Move it into the universe.",
            )
        for source, field, given, needs in (
            ("csv", "path", self.path, "a path, the folder that holds <ticker>.csv,"),
            ("planted", "planted", self.planted, "n_lags and strength under planted"),
        ):
            if (self.source == source) != (given is not None):
                raise ConfigError(
                    where,
                    expected=f"{needs} with source {source}, and only there",
                    got=f"source {self.source}, {field} {given}",
                    todo="Add what is missing, or remove what the source does not take.",
                )
        return self


def load_universe(name: object) -> Universe:
    """Read a universe by name; an already loaded one passes through."""
    return name if isinstance(name, Universe) else load_named("universe", name, Universe)
