"""The real yfinance client against a loopback server that speaks Yahoo's chart protocol."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yfinance

from finscale.config import ConfigError, DataError, Universe
from finscale.market import load_bars, prepare_raw, validate_bars
from finscale.market.sources.yahoo import yahoo_bars
from tests.yahoo_server import Loopback, Market, Turn, Yahoo, rising, yahoo_server

# yfinance 1.7 calls pandas in ways that pandas 3.1 deprecates: not ours to correct.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning:yfinance")

START, END = date(2024, 1, 2), date(2024, 1, 4)


@pytest.fixture(scope="module", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with yahoo_server() as server:
        yield server


@pytest.fixture
def session(yahoo: Yahoo) -> Iterator[Loopback]:
    with Loopback(yahoo.server_address[1]) as session:
        yield session


def fetch(ticker: str, session: Any, pauses: list[float]) -> Any:
    rng = random.Random(7)
    return yahoo_bars(ticker, START, END, session=session, sleep=pauses.append, rng=rng)


def assert_backed_off(pauses: list[float], tries: int) -> None:
    """The pauses are 1, 2, 4 s, each with up to half of it more."""
    assert len(pauses) == tries
    for pause, base in zip(pauses, (1.0, 2.0, 4.0), strict=False):
        assert base <= pause <= 1.5 * base
    assert len({pause / base for pause, base in zip(pauses, (1, 2, 4), strict=False)}) == tries


def universe(ticker: str, **changes: object) -> Universe:
    fields = {
        "name": "net",
        "source": "yahoo",
        "target": ticker,
        "tickers": (ticker,),
        "start": date(2024, 1, 1),
        "train_end": date(2024, 1, 2),
        "validation_end": date(2024, 1, 3),
        "end": END,
    }
    return Universe.model_validate(fields | changes)


def test_adjusted_bars_arrive_in_the_store(yahoo: Yahoo, session: Loopback, tmp_path: Path) -> None:
    yahoo.statuses["GOOD"] = [200]
    now = datetime(2024, 2, 1, tzinfo=UTC)
    (stored,) = prepare_raw(universe("GOOD"), tmp_path, now=now, session=session)
    bars = load_bars(universe("GOOD"), tmp_path)
    assert stored.fresh and (stored.first, stored.last) == (START, END)
    assert [str(day) for day in bars.index] == [f"2024-01-0{day} 00:00:00" for day in (2, 3, 4)]
    assert bars["open"].to_list() == [5.0, 5.5, 6.0]
    assert bars["close"].to_list() == [6.0, 6.5, 7.0]
    assert bars["volume"].to_list() == [100.0, 200.0, 300.0]
    asked = yahoo.asked["GOOD"]
    prepare_raw(universe("GOOD"), tmp_path, now=now, session=session)
    assert yahoo.asked["GOOD"] == asked


# yfinance asks a second way, and then a third, for the first unknown tickers of a process.
@pytest.mark.parametrize("ticker", ["NONE1", "NONE2", "NONE3", "NONE4"])
def test_an_unknown_ticker_is_said_at_once(session: Loopback, ticker: str) -> None:
    pauses: list[float] = []
    with pytest.raises(DataError, match=f"ticker {ticker} of source yahoo: .*finance.yahoo.com"):
        fetch(ticker, session, pauses)
    assert pauses == []


@pytest.mark.parametrize(
    ("ticker", "status", "times"),
    [("BUSY", 429, 4), ("SICK", 503, 1), ("SICK2", 500, 3), ("CUT", "cut", 2)],
)
def test_a_passing_fault_is_tried_again(
    yahoo: Yahoo, session: Loopback, ticker: str, status: Turn, times: int
) -> None:
    yahoo.statuses[ticker] = [status] * times + [200]
    pauses: list[float] = []
    frame = fetch(ticker, session, pauses)
    assert frame["close"].to_list() == [6.0, 6.5, 7.0]
    # yfinance asks twice before it gives up on a 429.
    assert_backed_off(pauses, times // 2 if status == 429 else times)


@pytest.mark.parametrize(
    ("ticker", "status", "body", "says"),
    [
        ("DOWN", 500, None, "got answer 500 in 4 tries"),
        ("DOWN2", 502, b"<html>Bad gateway</html>", "got answer 502 in 4 tries"),
        ("LIMIT", 429, b"Too Many Requests", "got too many requests in 4 tries"),
        ("PORTAL", 200, b"<html>Room number?</html>", "a page that holds no prices in 4 tries"),
        ("EMPTY", 200, b"", "a page that holds no prices in 4 tries"),
        ("LIST", 200, b"[]", "a page that holds no prices in 4 tries"),
        ("OTHER", 200, b'{"finance": {"error": "moved"}}', "a page that holds no prices in 4"),
        ("CHART", 200, b'{"chart": {"result": [{"meta": {}}]}}', "a page that holds no prices in"),
        ("NOTHING", 200, b'{"chart": {"result": [], "error": null}}', "a page that holds no pri"),
        ("CUT2", "cut", None, r"got no network \(\w+\) in 4 tries"),
    ],
)
def test_a_lasting_fault_is_one_line_that_says_to_go_on_later(
    yahoo: Yahoo, session: Loopback, ticker: str, status: Turn, body: bytes | None, says: str
) -> None:
    yahoo.statuses[ticker] = [status]
    if body is not None:
        yahoo.bodies[ticker] = body
    pauses: list[float] = []
    with pytest.raises(DataError, match=f"{says}.*run the same line again later") as caught:
        fetch(ticker, session, pauses)
    assert "\n" not in caught.value.line
    assert_backed_off(pauses, 3)


def test_no_network_is_one_line(
    yahoo: Yahoo, session: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    yahoo.server_close()
    pauses: list[float] = []
    with pytest.raises(DataError, match=r"got no network \(ConnectionError\) in 4 tries"):
        fetch("GONE", session, pauses)
    assert_backed_off(pauses, 3)
    assert caplog.messages == [], "yfinance says nothing beside it"


def test_a_page_that_was_no_chart_is_not_remembered(yahoo: Yahoo, session: Loopback) -> None:
    yahoo.statuses["LOBBY"] = [200]
    yahoo.bodies["LOBBY"] = b"<html>Room number?</html>"
    pauses: list[float] = []

    def log_in(pause: float) -> None:
        pauses.append(pause)
        yahoo.bodies.clear()

    rng = random.Random(7)
    frame = yahoo_bars("LOBBY", START, END, session=session, sleep=log_in, rng=rng)
    assert frame["close"].to_list() == [6.0, 6.5, 7.0] and len(pauses) == 1


def test_a_server_that_says_nothing_is_given_up(yahoo: Yahoo) -> None:
    yahoo.statuses["MUTE"] = ["silent"]
    pauses: list[float] = []
    with (
        Loopback(yahoo.server_address[1], patience=0.2) as session,
        pytest.raises(DataError, match=r"got no network \(Timeout\) in 4 tries"),
    ):
        fetch("MUTE", session, pauses)
    assert_backed_off(pauses, 3)


def test_a_server_that_is_silent_once_is_asked_again(yahoo: Yahoo) -> None:
    yahoo.statuses["SHY"] = ["silent", 200]
    pauses: list[float] = []
    with Loopback(yahoo.server_address[1], patience=1.0) as session:
        frame = fetch("SHY", session, pauses)
    assert frame["close"].to_list() == [6.0, 6.5, 7.0] and len(pauses) == 1


FETCH = """
import random, sys, time
from datetime import date
from finscale.config import install_stops
from finscale.market.sources.yahoo import yahoo_bars
from tests.yahoo_server import Loopback
install_stops()
day, session = date(2024, 1, 2), Loopback(int(sys.argv[1]))
try:
    yahoo_bars("MUTE2", day, day, session=session, sleep=time.sleep, rng=random.Random(7))
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("turn", ["silent", 503])
def test_ctrl_c_does_not_wait_for_a_server(yahoo: Yahoo, turn: Turn) -> None:
    yahoo.statuses["MUTE2"] = [turn]
    with subprocess.Popen(
        [sys.executable, "-c", FETCH, str(yahoo.server_address[1])],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not yahoo.asked["MUTE2"]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)  # between two looks, not instead of one
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("stopped\n", "")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ticker", ["../quote/SPY", "/SPY", "SPY?a=b", "SPY#", "NUL", "A" * 300])
def test_a_ticker_that_is_a_path_is_never_asked_for(
    yahoo: Yahoo, session: Loopback, ticker: str
) -> None:
    with pytest.raises(ConfigError, match="ticker of source yahoo: expected tickers of letters"):
        fetch(ticker, session, [])
    assert not yahoo.asked


# yfinance's cache, shared with whoever uses it on this machine.

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE IF NOT EXISTS mine (x)")
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def cache_folder(tmp_path: Path) -> Iterator[Path]:
    """A cache that yfinance has not opened yet; afterwards it has the tests' own again."""
    before = yfinance.cache._TzDBManager.get_location()
    _open_cache_in(tmp_path / "cache")
    yield tmp_path / "cache"
    _open_cache_in(Path(before))


def _open_cache_in(folder: Path) -> None:
    made = yfinance.cache
    yfinance.set_tz_cache_location(str(folder))
    made._TzCacheManager._tz_cache = made._CookieCacheManager._Cookie_cache = None


def fetched(yahoo: Yahoo, session: Loopback, ticker: str) -> list[float]:
    yahoo.statuses[ticker] = [200]
    pauses: list[float] = []
    frame = fetch(ticker, session, pauses)
    assert pauses == []
    closes: list[float] = frame["close"].to_list()
    return closes


@pytest.mark.parametrize("name", ["tkr-tz.db", "cookies.db"])
@pytest.mark.parametrize(
    "content", [b"no database, but as long as one begins" * 30, b"\x00" * 4096]
)
def test_a_damaged_cache_is_done_without(
    yahoo: Yahoo, session: Loopback, cache_folder: Path, name: str, content: bytes
) -> None:
    cache_folder.mkdir()
    (cache_folder / name).write_bytes(content)
    yfinance.data.YfData()._cookie = None
    ticker = f"BAD{name[:3]}{len(content)}".upper()
    assert fetched(yahoo, session, ticker) == [6.0, 6.5, 7.0]
    assert fetched(yahoo, session, f"{ticker}2") == [6.0, 6.5, 7.0]
    assert (cache_folder / name).read_bytes() == content  # not ours to delete


def test_a_cache_that_another_process_holds_is_done_without(
    yahoo: Yahoo, session: Loopback, cache_folder: Path
) -> None:
    cache_folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(cache_folder / "tkr-tz.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == "locked\n"
        assert fetched(yahoo, session, "HELD") == [6.0, 6.5, 7.0]
        holder.communicate("done\n")
    assert yfinance.cache._TzDBManager.get_location() != str(cache_folder)


def test_a_cache_folder_that_cannot_be_made_is_done_without(
    yahoo: Yahoo, session: Loopback, tmp_path: Path, cache_folder: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    _open_cache_in(tmp_path / "file" / "cache")
    assert fetched(yahoo, session, "HOMELESS") == [6.0, 6.5, 7.0]
    assert not cache_folder.exists()


def test_a_sound_cache_stays_in_use(yahoo: Yahoo, session: Loopback, cache_folder: Path) -> None:
    assert fetched(yahoo, session, "SOUND") == [6.0, 6.5, 7.0]
    assert yfinance.cache._TzDBManager.get_location() == str(cache_folder)
    assert (cache_folder / "tkr-tz.db").exists()


# What Yahoo gives that is no plain bar.


@pytest.mark.parametrize("value", [None, float("nan")], ids=["null", "NaN"])
def test_sessions_without_any_price_are_left_out(
    yahoo: Yahoo, session: Loopback, value: float | None
) -> None:
    ticker = f"HALT{value}".upper()
    market = Market()
    for prices in (market.open, market.high, market.low, market.close, market.adjclose):
        prices[1] = value
    market.volume[1] = None
    yahoo.statuses[ticker], yahoo.markets[ticker] = [200], market
    frame = fetch(ticker, session, [])
    assert [str(day.date()) for day in frame.index] == ["2024-01-02", "2024-01-04"]
    assert validate_bars(frame, ticker)["close"].to_list() == [6.0, 7.0]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("open", None, r"a number, 1e\+100 at most; got open nan on 2024-01-03"),
        ("close", None, "got open nan on 2024-01-03"),
        ("adjclose", None, "got open nan on 2024-01-03"),
        ("high", 8.0, "high >= low; got high 4, low 4.5 on 2024-01-03"),
        ("low", -1.0, "low above 0; got low -0.5 on 2024-01-03"),
        ("close", -13.0, "above 0; got open -5.5 on 2024-01-03"),
    ],
)
def test_a_broken_bar_is_refused_with_its_date(
    yahoo: Yahoo, session: Loopback, tmp_path: Path, column: str, value: float | None, says: str
) -> None:
    ticker, market = f"BAD-{column}{value}".upper(), Market()
    getattr(market, column)[1] = value
    yahoo.statuses[ticker], yahoo.markets[ticker] = [200], market
    now = datetime(2024, 2, 1, tzinfo=UTC)
    with pytest.raises(DataError, match=says):
        prepare_raw(universe(ticker), tmp_path, now=now, session=session)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_missing_volumes_are_none(yahoo: Yahoo, session: Loopback) -> None:
    some, nothing = Market(volume=[100, None, 300, 400]), Market(volume=[0, 0, 0, 0])
    yahoo.statuses |= {"SOME": [200], "^NONE": [200]}
    yahoo.markets |= {"SOME": some, "^NONE": nothing}
    assert fetch("SOME", session, [])["volume"].to_list() == [100, 0, 300]
    index = validate_bars(fetch("^NONE", session, []), "^NONE")
    assert index["volume"].to_list() == [0.0, 0.0, 0.0]


def test_sessions_in_disorder_are_put_in_order_once_each(yahoo: Yahoo, session: Loopback) -> None:
    days = [date(2024, 1, day) for day in (4, 2, 3, 3)]
    yahoo.statuses["MESS"], yahoo.markets["MESS"] = [200], Market(days=days)
    frame = validate_bars(fetch("MESS", session, []), "MESS")
    assert [day.day for day in frame.index] == [2, 3, 4]
    assert frame["close"].to_list() == [6.5, 7.0, 6.0]


def test_a_single_session_is_too_few(yahoo: Yahoo, session: Loopback, tmp_path: Path) -> None:
    yahoo.statuses["ONE"] = [200]
    yahoo.markets["ONE"] = rising([date(2024, 1, 3)])
    now = datetime(2024, 2, 1, tzinfo=UTC)
    with pytest.raises(DataError, match="ONE of source yahoo: expected at least 2 bars; got 1"):
        prepare_raw(universe("ONE"), tmp_path, now=now, session=session)


def test_one_of_three_fails_and_the_same_line_goes_on(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    yahoo.statuses |= {"AAA3": [200], "^BBB3": [500], "CCC3": [200]}
    three = universe("AAA3", tickers=("AAA3", "^BBB3", "CCC3"))
    now = datetime(2024, 2, 1, tzinfo=UTC)
    pauses: list[float] = []
    with pytest.raises(DataError, match=r"ticker \^BBB3 of source yahoo.*answer 500 in 4 tries"):
        prepare_raw(three, tmp_path, now=now, session=session, sleep=pauses.append)
    assert len(load_bars(three, tmp_path, "CCC3")) == 3
    yahoo.statuses["^BBB3"] = [200]
    lines: list[str] = []
    stored = prepare_raw(three, tmp_path, now=now, session=session, tell=lines.append)
    assert [one.state for one in stored] == ["stored", "fetched", "stored"]
    assert lines == ["^BBB3: asking yahoo for 2024-01-01 to 2024-01-04 (2 of 3)"]
    assert (tmp_path / "raw/net/BBB3.parquet").exists()


def test_a_source_that_is_down_is_not_asked_for_every_ticker(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    names = ["D1", "D2", "FINE", "D3", "D4", "D5", "D6", "D7"]
    yahoo.statuses |= {name: [503] for name in names} | {"FINE": [200]}
    many = universe("FINE", tickers=tuple(names))
    pauses: list[float] = []
    with pytest.raises(DataError, match="got 5 failures") as caught:
        prepare_raw(
            many,
            tmp_path,
            now=datetime(2024, 2, 1, tzinfo=UTC),
            session=session,
            sleep=pauses.append,
        )
    line = caught.value.line
    assert all(f"ticker {name} of source yahoo" in line for name in ("D1", "D2", "D3", "D4", "D5"))
    assert (
        "Not asked any more: D6, D7. The bars that arrived are stored" in line and "\n" not in line
    )
    assert yahoo.asked["D6"] == 0 and len(pauses) == 15
    assert len(load_bars(many, tmp_path)) == 3


# A later end.

DAYS = [date(2024, 1, day) for day in range(2, 32) if date(2024, 1, day).weekday() < 5]
SOON = datetime(2024, 3, 1, tzinfo=UTC)


def shorter_and_longer(ticker: str) -> tuple[Universe, Universe]:
    return universe(ticker, end=date(2024, 1, 18)), universe(ticker, end=date(2024, 1, 31))


def test_a_later_end_asks_for_the_tail_alone(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    short, long = shorter_and_longer("TAIL")
    yahoo.statuses["TAIL"], yahoo.markets["TAIL"] = [200], rising(DAYS)
    prepare_raw(short, tmp_path, now=SOON, session=session)
    yahoo.markets["TAIL"] = rising(DAYS, factor=1 + 3e-7)  # Yahoo's arithmetic
    accepted: list[tuple[str, int]] = []
    (stored,) = prepare_raw(
        long,
        tmp_path,
        now=SOON,
        session=session,
        accept=lambda what, bars: accepted.append((what, len(bars))),
    )
    # What is stored is looked at, and not the tail alone.
    assert accepted == [("TAIL of source yahoo", 22)]
    assert stored.state == "extended" and stored.rows == len(DAYS) == 22
    # Seven sessions before the 18th, and nothing before them; Yahoo's end is exclusive.
    assert yahoo.periods == [
        ("TAIL", "2024-01-01", "2024-01-19"),
        ("TAIL", "2024-01-10", "2024-02-01"),
    ]
    closes = load_bars(long, tmp_path)["close"]
    assert closes.iloc[:13].to_list() == [100.0 + row for row in range(13)]
    assert closes.iloc[13:].to_numpy() == pytest.approx([113.0 + row for row in range(9)], rel=1e-6)
    asked = yahoo.asked["TAIL"]
    prepare_raw(long, tmp_path, now=SOON, session=session)
    assert yahoo.asked["TAIL"] == asked


def test_a_dividend_since_then_fetches_the_whole_anew(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    short, long = shorter_and_longer("PAYS")
    yahoo.statuses["PAYS"], yahoo.markets["PAYS"] = [200], rising(DAYS)
    prepare_raw(short, tmp_path, now=SOON, session=session)
    yahoo.markets["PAYS"] = rising(DAYS, factor=0.995)
    lines: list[str] = []
    (stored,) = prepare_raw(long, tmp_path, now=SOON, session=session, tell=lines.append)
    assert stored.state == "restated"
    assert load_bars(long, tmp_path)["close"].to_numpy() == pytest.approx(
        [0.995 * (100.0 + row) for row in range(22)]
    )
    assert lines == [
        "PAYS: asking yahoo for 2024-01-10 to 2024-01-31 (1 of 1)",
        "PAYS: asking yahoo for 2024-01-01 to 2024-01-31 (1 of 1)",
    ]


def test_a_split_amid_the_history_leaves_no_jump(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    """Yahoo divides what came before a split; the split's row itself is no price."""
    short, long = shorter_and_longer("SPLITS")
    yahoo.statuses["SPLITS"], yahoo.markets["SPLITS"] = [200], rising(DAYS)
    prepare_raw(short, tmp_path, now=SOON, session=session)
    divided = rising(DAYS)
    for prices in (divided.open, divided.high, divided.low, divided.close, divided.adjclose):
        prices[:] = [price / 2 for price in prices if price]
    divided.splits = {date(2024, 1, 24): 2}
    yahoo.markets["SPLITS"] = divided
    (stored,) = prepare_raw(long, tmp_path, now=SOON, session=session)
    bars = load_bars(long, tmp_path)
    assert stored.state == "restated" and list(bars.columns)[-1] == "volume"
    assert bars["close"].to_list() == [50.0 + row / 2 for row in range(22)]


def test_a_tail_that_fails_leaves_the_old_file(
    yahoo: Yahoo, session: Loopback, tmp_path: Path
) -> None:
    short, long = shorter_and_longer("LOST")
    yahoo.statuses["LOST"], yahoo.markets["LOST"] = [200], rising(DAYS)
    prepare_raw(short, tmp_path, now=SOON, session=session)
    before = (tmp_path / "raw/net/LOST.parquet").read_bytes()
    yahoo.statuses["LOST"] = [503]
    pauses: list[float] = []
    with pytest.raises(DataError, match="answer 503 in 4 tries"):
        prepare_raw(long, tmp_path, now=SOON, session=session, sleep=pauses.append)
    assert (tmp_path / "raw/net/LOST.parquet").read_bytes() == before
    assert len(load_bars(short, tmp_path)) == 13
