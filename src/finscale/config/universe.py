"""Universes: tickers, their source, and the dates of training, validation and test."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from finscale.config.errors import ConfigError, listed, quoted
from finscale.config.files import Frozen, Named, load_named
from finscale.config.places import tracked_names
from finscale.config.tickers import check_file_names, check_ticker

FredSeries = Literal["DGS10", "DGS2", "DFF", "UNRATE", "CPIAUCSL"]
Source = Literal["bundled", "yahoo", "csv", "parquet", "planted", "synthetic"]
VIX = "^VIX"
OWN_FILES: dict[Source, str] = {"csv": "CSV", "parquet": "Parquet"}
"""Sources that are files of the user's own, one for each ticker, with the name of their format."""


class Planted(Frozen):
    """Parameters of an artificial market with a planted signal of known strength.

    Attributes
    ----------
    n_lags : int
        Number of sessions, up to today, whose opens carry the signal; 0: nothing is predictable.
    strength : float
        Standard deviation of the log odds that the next close is above today's.
    seed : int
        Seed of all random draws.
    """

    n_lags: Annotated[int, Field(ge=0, le=250)]
    strength: Annotated[float, Field(ge=0, le=10)]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42


class Synthetic(Frozen):
    """Parameters of an artificial market with volatility clustering, a GARCH(1,1) process.

    Attributes
    ----------
    seed : int
        Seed of all random draws; each ticker has a path of its own.
    drift : float
        Expected log return of a year.
    volatility : float
        Long-run standard deviation of a year's log return.
    alpha, beta : float
        Weights of yesterday's squared surprise and of yesterday's variance. Their sum is below 1,
        so that the variance has a long-run mean.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    drift: Annotated[float, Field(ge=-1, le=1)] = 0.06
    volatility: Annotated[float, Field(ge=0.001, le=2)] = 0.18
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.08
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.90

    @model_validator(mode="after")
    def _is_stationary(self) -> Synthetic:
        if self.alpha + self.beta >= 1:
            raise ConfigError(
                "synthetic",
                expected="alpha + beta below 1",
                got=f"{self.alpha} + {self.beta}",
                todo="Lower one of them: the variance would grow without bound.",
            )
        return self


class Universe(Named):
    """A fixed set of assets and the dates that cut it into parts.

    Attributes
    ----------
    source : {"bundled", "yahoo", "csv", "parquet", "planted", "synthetic"}
        Source of the bars; `csv` and `parquet` read ``<path>/<ticker>.csv`` or ``.parquet``,
        `planted` and `synthetic` generate artificial bars.
    target : str
        The ticker that is forecast in validation and test.
    start, end : date
        First and last session that are used; `end` is fixed so that digests are comparable.
    train_end, validation_end : date
        Last sessions of the training and the validation part; the test is the rest.
    evaluation_start : date, optional
        First session that walk-forward evaluates.
    planted : Planted, optional
        Parameters of the source `planted`.
    synthetic : Synthetic, optional
        Parameters of the source `synthetic`.
    vix : str, optional
        Ticker of the volatility index in the same source; used with the option `vix`.
    fred : tuple of str
        Macro series from FRED that are added to the inputs.
    true_jumps : tuple of date
        Sessions whose moves look like errors but are real: they are neither refused nor reported.
    """

    source: Source
    target: str
    tickers: tuple[str, ...]
    start: date
    train_end: date
    validation_end: date
    end: date
    evaluation_start: date | None = None
    path: str | None = None
    # A dump leaves these out at their default: they are newer, and old studies keep their identity.
    planted: Annotated[Planted | None, Field(exclude_if=lambda planted: planted is None)] = None
    synthetic: Annotated[Synthetic | None, Field(exclude_if=lambda drawn: drawn is None)] = None
    # The usual index is left out too: naming it changes no result without the option `vix`.
    vix: Annotated[str | None, Field(exclude_if=lambda ticker: ticker in (None, VIX))] = None
    fred: Annotated[tuple[FredSeries, ...], Field(exclude_if=lambda series: not series)] = ()
    # Never in a dump: true jumps change no value, so they must not change a study's identity.
    true_jumps: Annotated[tuple[date, ...], Field(exclude=True)] = ()

    @model_validator(mode="after")
    def _check(self) -> Universe:
        where = f"universe {self.name}"
        _check_names(self, where)
        _check_dates(self, where)
        _check_source(self, where)
        return self


def universe_names() -> list[str]:
    """Return the names of the universes that come with the project, without the user's own."""
    return tracked_names("universe")


def load_universe(name: object) -> Universe:
    """Load a universe by name; a `Universe` that is already loaded is returned as it is.

    Examples
    --------
    >>> from finscale.config import load_universe
    >>> universe = load_universe("sp500")
    >>> universe.target, universe.source, universe.train_end.isoformat()
    ('^GSPC', 'bundled', '2012-12-31')
    """
    return name if isinstance(name, Universe) else load_named("universe", name, Universe)


def _check_names(universe: Universe, where: str) -> None:
    index = [universe.vix] if universe.vix and universe.vix not in universe.tickers else []
    for ticker in (*universe.tickers, *index):
        check_ticker(ticker, where)
    check_file_names([*universe.tickers, *index, *universe.fred], where)
    if universe.target not in universe.tickers:
        raise ConfigError(
            where,
            expected=f"a target among its tickers {listed(universe.tickers)}",
            got=quoted(universe.target),
            todo="Add it to the tickers.",
        )
    if universe.target == universe.vix:
        raise ConfigError(
            where,
            expected="a vix that is not the target",
            got=f"{universe.vix} as both",
            todo="The index describes the target's market: choose another target.",
        )


def _check_dates(universe: Universe, where: str) -> None:
    start, end = universe.start, universe.end
    if not start < universe.train_end < universe.validation_end < end:
        raise ConfigError(
            where,
            expected="start < train_end < validation_end < end",
            got=f"{start}, {universe.train_end}, {universe.validation_end}, {end}",
            todo="Put the dates in order.",
        )
    evaluation = universe.evaluation_start
    if evaluation is not None and not start < evaluation < end:
        raise ConfigError(
            where,
            expected=f"an evaluation_start between start {start} and end {end}",
            got=str(evaluation),
            todo="Move it into the universe.",
        )


def _check_source(universe: Universe, where: str) -> None:
    source = universe.source
    folder = "a path, the folder that holds <ticker>"
    for sources, field, needs in (
        (tuple(OWN_FILES), "path", f"{folder}.{' or .'.join(OWN_FILES)},"),
        (("planted",), "planted", "n_lags and strength under planted"),
        (("synthetic",), "synthetic", "values (or {} for the usual ones) under synthetic"),
    ):
        given = getattr(universe, field)
        if (source in sources) != (given is not None):
            raise ConfigError(
                where,
                expected=f"{needs} with source {' or '.join(sources)}, and only there",
                got=f"source {source}, {field} {given}",
                todo="Add what is missing, or remove what the source does not take.",
            )
    if source == "planted" and universe.vix:
        raise ConfigError(
            where,
            expected="no vix with source planted",
            got=universe.vix,
            todo="Remove it: a planted market has no options.",
        )
