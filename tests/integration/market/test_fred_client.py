"""FRED's download through the session of production, against a loopback server."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from finscale.config import DataError, FredSeries, Universe
from finscale.dataset import prepare_inputs
from finscale.market import (
    is_prepared,
    load_bars,
    load_known,
    prepare_raw,
    read_manifest,
    validate_bars,
)
from finscale.market.sources.fred import fred_bars
from tests.yahoo_server import Loopback, Turn, Yahoo, yahoo_server

START, END = date(2024, 1, 2), date(2024, 1, 5)
RATES = {
    "2023-12-29": "3.88",
    "2024-01-01": ".",
    "2024-01-02": "3.95",
    "2024-01-03": "-0.25",
    "2024-01-04": "",
    "2024-01-05": "0",
}
NOW = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture
def fred() -> Iterator[Yahoo]:
    with yahoo_server() as server:
        yield server


@pytest.fixture
def session(fred: Yahoo) -> Iterator[Loopback]:
    with Loopback(fred.server_address[1], patience=5.0) as session:
        yield session


def fetch(session: Loopback, pauses: list[float], series: FredSeries = "DGS10") -> list[float]:
    rng = random.Random(7)
    frame = fred_bars(series, START, END, session=session, sleep=pauses.append, rng=rng)
    return [float(value) for value in validate_bars(frame, series, positive=False)["close"]]


def universe(**changes: object) -> Universe:
    fields = {
        "name": "net",
        "source": "bundled",
        "target": "^GSPC",
        "tickers": ("^GSPC",),
        "fred": ("DGS10", "UNRATE"),
        "start": date(2015, 1, 2),
        "train_end": date(2015, 1, 5),
        "validation_end": date(2015, 1, 6),
        "end": date(2015, 1, 30),
    }
    return Universe.model_validate(fields | changes)


def test_values_that_are_missing_are_left_out(fred: Yahoo, session: Loopback) -> None:
    fred.statuses["DGS10"], fred.observations["DGS10"] = [200], RATES
    assert fetch(session, []) == [3.95, -0.25, 0.0]
    assert fred.periods == [("DGS10", "2024-01-02", "2024-01-05")]


@pytest.mark.parametrize("turn", [429, 500, 503, "cut"])
def test_a_passing_fault_is_tried_again(fred: Yahoo, session: Loopback, turn: Turn) -> None:
    fred.statuses["DGS10"], fred.observations["DGS10"] = [turn, turn, 200], RATES
    pauses: list[float] = []
    assert fetch(session, pauses) == [3.95, -0.25, 0.0]
    assert len(pauses) == 2 and 1.0 <= pauses[0] <= 1.5 and 2.0 <= pauses[1] <= 3.0


@pytest.mark.parametrize(
    ("turn", "body", "says"),
    [
        (500, None, "got answer 500 in 4 tries"),
        (429, None, "got too many requests in 4 tries"),
        (200, b"", "got a page that holds no observations in 4 tries"),
        (200, b"<html>Room number?</html>", "a page that holds no observations in 4 tries"),
        (200, b"observation_date,DGS2\n2024-01-02,1\n", "a page that holds no observations"),
        (200, b"observation_date,DGS10\nsoon,1\n", "a page that holds no observations"),
        (200, b"observation_date,DGS10\n2024-01-02,one\n", "a page that holds no observations"),
        ("cut", None, r"got no network \(\w+\) in 4 tries"),
    ],
)
def test_a_lasting_fault_is_one_line(
    fred: Yahoo, session: Loopback, turn: Turn, body: bytes | None, says: str
) -> None:
    fred.statuses["DGS10"] = [turn]
    if body is not None:
        fred.bodies["DGS10"] = body
    pauses: list[float] = []
    with pytest.raises(DataError, match=f"series DGS10 of FRED: .*{says}") as caught:
        fetch(session, pauses)
    assert len(pauses) == 3 and "\n" not in caught.value.line


def test_a_server_that_says_nothing_is_given_up(fred: Yahoo) -> None:
    fred.statuses["DGS10"] = ["silent"]
    with (
        Loopback(fred.server_address[1], patience=0.2) as session,
        pytest.raises(DataError, match=r"got no network \(Timeout\) in 4 tries"),
    ):
        fetch(session, [])


def test_an_unknown_series_is_said_at_once(session: Loopback) -> None:
    pauses: list[float] = []
    with pytest.raises(DataError, match=r"series DGS10 of FRED: .*answer 404. Look the series"):
        fetch(session, pauses)
    assert pauses == []


def test_series_come_with_their_universe(fred: Yahoo, session: Loopback, tmp_path: Path) -> None:
    fred.statuses |= {"DGS10": [200], "UNRATE": [200]}
    fred.observations["DGS10"] = {"2014-12-31": "2.17", "2015-01-02": "2.12", "2015-01-05": "2.04"}
    fred.observations["UNRATE"] = {"2014-11-01": "5.8", "2014-12-01": "5.6", "2015-01-01": "5.7"}
    lines: list[str] = []
    stored = prepare_raw(universe(), tmp_path, now=NOW, session=session, tell=lines.append)
    assert [one.ticker for one in stored] == ["^GSPC", "DGS10", "UNRATE"]
    # 800 days before the universe.
    assert lines[1] == "DGS10: asking fred for 2012-10-24 to 2015-01-30 (2 of 3)"
    assert load_bars(universe(), tmp_path, "DGS10")["close"].to_list() == [2.17, 2.12, 2.04]
    known = load_known(universe(), tmp_path, "DGS10")
    assert [str(day.date()) for day in known.index] == ["2015-01-05", "2015-01-06", "2015-01-07"]
    months = load_known(universe(), tmp_path, "UNRATE")
    assert [str(day.date()) for day in months.index] == ["2015-01-30", "2015-03-01", "2015-04-01"]
    assert is_prepared(universe(), tmp_path)


def test_a_later_end_fetches_a_series_anew(fred: Yahoo, session: Loopback, tmp_path: Path) -> None:
    one = universe(fred=("UNRATE",))
    fred.statuses["UNRATE"] = [200]
    fred.observations["UNRATE"] = {"2014-11-01": "5.8", "2014-12-01": "5.6"}
    prepare_raw(one, tmp_path, now=NOW, session=session)
    fred.observations["UNRATE"] = {"2014-11-01": "5.8", "2014-12-01": "5.5", "2015-02-01": "5.5"}
    longer = universe(fred=("UNRATE",), end=date(2015, 2, 27))
    states = [bars.state for bars in prepare_raw(longer, tmp_path, now=NOW, session=session)]
    assert states == ["extended", "restated"]
    assert load_bars(longer, tmp_path, "UNRATE")["close"].to_list() == [5.8, 5.5, 5.5]


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (("2015-01-05", "2015-01-05"), "one row per date; got 2015-01-05 twice"),
        (("2015-01-06", "2015-01-05"), "rows in order of date; got 2015-01-05"),
        (("2015-01-05",), "at least 2 bars; got 1"),
        ((), "at least 2 bars; got 0"),
    ],
)
def test_observations_that_cannot_be_are_refused(
    fred: Yahoo, session: Loopback, tmp_path: Path, days: tuple[str, ...], says: str
) -> None:
    fred.statuses["DGS2"] = [200]
    rows = "".join(f"{day},2.5\n" for day in days)
    fred.bodies["DGS2"] = f"observation_date,DGS2\n{rows}".encode()
    one = universe(fred=("DGS2",))
    with pytest.raises(DataError, match=f"DGS2 of source fred.*{says}"):
        prepare_raw(one, tmp_path, now=NOW, session=session)
    assert len(load_bars(one, tmp_path)) == 20 and not is_prepared(one, tmp_path)


def weekdays(start: str, end: str) -> dict[str, str]:
    """Give a rate for each weekday: days since 2010 in thousandths."""
    days = pd.bdate_range(start, end)
    return {f"{day:%Y-%m-%d}": f"{(day - pd.Timestamp('2010-01-01')).days / 1000}" for day in days}


def test_series_become_columns_known_in_time(
    fred: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    both = universe(
        fred=("DGS10", "DGS2"),
        start=date(2014, 1, 2),
        train_end=date(2014, 11, 28),
        validation_end=date(2014, 12, 31),
    )
    for series in ("DGS10", "DGS2"):
        fred.statuses[series] = [200]
        fred.observations[series] = weekdays("2011-10-01", "2015-01-30")
    prepare_raw(both, tmp_path, now=NOW, session=session)
    made = prepare_inputs(both, "a20", "daily", tmp_path, now=NOW)
    assert list(made.frame.columns[25:]) == [
        *("dgs10_change_21", "dgs10_change_252", "dgs2_change_21", "dgs2_change_252"),
        "term_spread",
    ]
    macro = made.frame.iloc[:, 25:]
    assert macro.notna().all(axis=None) and (macro["term_spread"] == 0.0).all()
    # On Friday 24th the value of Wednesday is known; 21 weekdays before it was 23rd September.
    seen = macro.at[pd.Timestamp("2014-10-24"), "dgs10_change_21"]
    assert seen == pytest.approx((date(2014, 10, 22) - date(2014, 9, 23)).days / 1000)
    entry = read_manifest(tmp_path)[f"processed/{made.path.name}"]
    assert entry.source == "raw/net/GSPC.parquet raw/net/DGS10.parquet raw/net/DGS2.parquet"
