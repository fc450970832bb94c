"""Universes: what is in those that come with the project, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from finscale.config import ConfigError, Synthetic, Universe, check_ticker, file_stem, load_universe

FIELDS: dict[str, Any] = {
    "name": "mine",
    "source": "yahoo",
    "target": "SPY",
    "tickers": ("SPY", "QQQ"),
    "start": date(2000, 1, 3),
    "train_end": date(2010, 12, 31),
    "validation_end": date(2013, 12, 31),
    "end": date(2019, 12, 31),
}


def universe(**changes: object) -> Universe:
    return Universe.model_validate(FIELDS | changes)


@pytest.mark.parametrize("name", ["spy", "dia", "qqq", "indices", "etfs", "large-caps", "macro"])
def test_yahoo_universes_share_their_dates_and_know_the_vix(name: str) -> None:
    found = load_universe(name)
    assert (found.source, found.vix) == ("yahoo", "^VIX")
    assert str(found.train_end) == "2020-12-31" and str(found.validation_end) == "2022-12-31"
    assert str(found.end) == "2025-12-31" and str(found.evaluation_start) == "2013-01-02"


def test_the_other_universes_are_as_they_were_asked_for() -> None:
    assert str(load_universe("dia").start) == "1998-01-20"
    assert str(load_universe("qqq").start) == "1999-03-10"
    assert load_universe("indices").tickers == ("^GSPC", "^DJI", "^IXIC")
    caps, etfs = load_universe("large-caps"), load_universe("etfs").tickers
    assert caps.tickers[:8] == (*etfs, "AAPL", "MSFT", "GOOGL", "AMZN", "TSLA")
    assert len(caps.tickers) >= 8 + 15 and caps.target == "SPY"
    assert load_universe("macro").fred == ("DGS10", "DGS2", "DFF", "UNRATE", "CPIAUCSL")
    assert load_universe("garch").synthetic == Synthetic()
    small = load_universe("sp500-vix")
    assert (small.source, small.vix, small.target) == ("bundled", "^VIX", "^GSPC")
    assert str(small.start) == "2014-01-03" and str(small.end) == "2018-12-31"


def test_what_came_later_is_left_out_of_a_dump_where_there_is_none() -> None:
    added = {"planted", "synthetic", "vix", "fred"}
    assert added.isdisjoint(load_universe("spy").model_dump(mode="json"))
    assert load_universe("macro").model_dump(mode="json")["fred"][0] == "DGS10"
    # The usual index is an offer; another one is a choice.
    assert universe(vix="^VXN").model_dump()["vix"] == "^VXN"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vix": "SPY"}, "a vix that is not the target; got SPY as both"),
        ({"vix": "../VIX"}, "tickers of letters, digits"),
        ({"vix": "spy"}, "different names; got SPY and spy"),
        ({"tickers": ("SPY", "SPY")}, "different names; got SPY twice"),
        ({"tickers": ("SPY", "^SPY")}, r"different names; got SPY and \^SPY"),
        ({"tickers": ("SPY", "^spy")}, r"different names; got SPY and \^spy"),
        ({"tickers": ("SPY", "dff"), "fred": ("DFF",)}, "different names; got dff and DFF"),
        ({"fred": ("DFF", "DFF")}, "got DFF twice"),
        ({"synthetic": {}}, "with source synthetic, and only there; got source yahoo"),
        ({"source": "synthetic"}, "with source synthetic, and only there; got .* None"),
        ({"source": "parquet"}, "with source csv or parquet, and only there"),
        ({"path": "bars"}, "with source csv or parquet, and only there"),
        (
            {"source": "planted", "planted": {"n_lags": 1, "strength": 1.0}, "vix": "^VIX"},
            r"no vix with source planted; got \^VIX",
        ),
    ],
)
def test_a_universe_that_cannot_be_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        universe(**changes)
    assert "\n" not in caught.value.line


def test_an_unknown_series_is_refused() -> None:
    with pytest.raises(ValidationError, match="DGS10"):
        universe(fred=("DGS30",))


@pytest.mark.parametrize(
    "values",
    [{"volatility": 0}, {"volatility": 2.5}, {"alpha": -0.1}, {"beta": 1}, {"drift": 1.5}],
)
def test_a_market_that_cannot_be_drawn_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        Synthetic(**values)  # type: ignore[arg-type]


def test_a_variance_without_a_long_run_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"alpha \+ beta below 1; got 0.1 \+ 0.9"):
        Synthetic(alpha=0.1, beta=0.9)


@pytest.mark.parametrize("ticker", ["SPY", "^GSPC", "BRK-B", "EURUSD=X", "000001.SS", "CONE", "A"])
def test_real_tickers_pass_and_lose_their_caret_alone(ticker: str) -> None:
    check_ticker(ticker, "here")
    assert file_stem(ticker) == ticker.removeprefix("^")


@pytest.mark.parametrize(
    "ticker",
    [
        "../SPY", "..", ".", "a/b", "/etc/passwd", "C:\\bars", "a\\b", "~/x", "CON", "con.csv",
        "NUL", "^AUX", "COM1", "lpt9.x.y", "PRN", "SPY.", "", "^", "^.", "-SPY", "SPY\n", "SP Y",
        "Ä", "\0", "A" * 33, "A" * 300,
    ],
)  # fmt: skip
def test_names_that_cannot_be_files_are_refused_in_one_short_line(ticker: str) -> None:
    with pytest.raises(ConfigError, match=r"expected tickers of letters") as caught:
        check_ticker(ticker, "here")
    assert "\n" not in caught.value.line and len(caught.value.line) < 300
    with pytest.raises(ConfigError, match=r"universe mine: expected tickers of letters"):
        universe(tickers=("SPY", ticker))
