"""The real yfinance client against a loopback server that speaks Yahoo's chart protocol."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yfinance

from finscale.config import DataError, Universe
from finscale.market import load_bars, prepare_raw
from finscale.market.sources.chart_session import ChartSession
from finscale.market.sources.yahoo import yahoo_bars

# yfinance 1.7 calls pandas in ways that pandas 3.1 deprecates: not ours to correct.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning:yfinance")

START, END = date(2024, 1, 2), date(2024, 1, 4)
# 14:30 UTC is 09:30 in New York.
TIMES = [int(datetime(2024, 1, day, 14, 30, tzinfo=UTC).timestamp()) for day in (2, 3, 4, 5)]


def chart(ticker: str, begin: int, end: int) -> dict[str, Any]:
    """Give what Yahoo answers for four sessions; the adjusted close is half the close."""
    columns = {
        "open": [10.0, 11.0, 12.0, 13.0],
        "high": [14.0, 15.0, 16.0, 17.0],
        "low": [8.0, 9.0, 10.0, 11.0],
        "close": [12.0, 13.0, 14.0, 15.0],
        "volume": [100, 200, 300, 400],
        "adjclose": [6.0, 6.5, 7.0, 7.5],
    }
    kept = [row for row, time in enumerate(TIMES) if begin <= time < end]
    quote = {name: [values[row] for row in kept] for name, values in columns.items()}
    meta = {
        "currency": "USD",
        "symbol": ticker,
        "exchangeName": "NYQ",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EST",
        "gmtoffset": -18000,
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "max"],
    }
    adjusted = [{"adjclose": quote.pop("adjclose")}]
    result = {
        "meta": meta,
        "timestamp": [TIMES[row] for row in kept],
        "indicators": {"quote": [quote], "adjclose": adjusted},
    }
    return {"chart": {"result": [result], "error": None}}


def not_found() -> dict[str, Any]:
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    return {"chart": {"result": None, "error": error}}


class Yahoo(ThreadingHTTPServer):
    """Answers the chart of a ticker with its statuses in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: dict[str, list[int]] = {}
        self.bodies: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()

    def next_status(self, ticker: str) -> int:
        """Count the question and look up the turn it has."""
        turn = self.statuses.get(ticker, [404])
        status = turn[min(self.asked[ticker], len(turn) - 1)]
        self.asked[ticker] += 1
        return status


class Handler(BaseHTTPRequestHandler):
    server: Yahoo

    def do_GET(self) -> None:
        """Answer the chart, the crumb, and nothing else."""
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.startswith("/v8/finance/chart/"):
            ticker = path.rsplit("/", 1)[1]
            status = self.server.next_status(ticker)
            begin, end = (int(query.get(name, ["0"])[0]) for name in ("period1", "period2"))
            document = chart(ticker, begin, end) if status == 200 else not_found()
            body = self.server.bodies.get(ticker, json.dumps(document).encode())
        elif path == "/v1/test/getcrumb":
            status, body = 200, b"a-crumb"
        else:
            status, body = 404, b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Loopback(ChartSession):
    """The session of production, sent to a port of this machine."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """Rewrite the address, whatever host it names."""
        parts = urlsplit(url)._replace(scheme="http", netloc=f"127.0.0.1:{self.port}")
        return super().request(method, parts.geturl(), *args, **kwargs)


@pytest.fixture(scope="module", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with Yahoo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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


def test_adjusted_bars_arrive_in_the_store(yahoo: Yahoo, session: Loopback, tmp_path: Path) -> None:
    yahoo.statuses["GOOD"] = [200]
    universe = Universe(
        name="net",
        source="yahoo",
        target="GOOD",
        tickers=("GOOD",),
        start=date(2024, 1, 1),
        train_end=date(2024, 1, 2),
        validation_end=date(2024, 1, 3),
        end=END,
    )
    now = datetime(2024, 2, 1, tzinfo=UTC)
    (stored,) = prepare_raw(universe, tmp_path, now=now, session=session)
    bars = load_bars(universe, tmp_path)
    assert stored.fresh and (stored.first, stored.last) == (START, END)
    assert [str(day) for day in bars.index] == [f"2024-01-0{day} 00:00:00" for day in (2, 3, 4)]
    assert bars["open"].to_list() == [5.0, 5.5, 6.0]
    assert bars["close"].to_list() == [6.0, 6.5, 7.0]
    assert bars["volume"].to_list() == [100.0, 200.0, 300.0]
    asked = yahoo.asked["GOOD"]
    prepare_raw(universe, tmp_path, now=now, session=session)
    assert yahoo.asked["GOOD"] == asked


# yfinance asks a second way, and then a third, for the first unknown tickers of a process.
@pytest.mark.parametrize("ticker", ["NONE1", "NONE2", "NONE3", "NONE4"])
def test_an_unknown_ticker_is_said_at_once(session: Loopback, ticker: str) -> None:
    pauses: list[float] = []
    with pytest.raises(DataError, match=f"ticker {ticker} of source yahoo: .*finance.yahoo.com"):
        fetch(ticker, session, pauses)
    assert pauses == []


@pytest.mark.parametrize(
    ("ticker", "status", "times"), [("BUSY", 429, 4), ("SICK", 503, 1), ("SICK2", 500, 3)]
)
def test_a_passing_fault_is_tried_again(
    yahoo: Yahoo, session: Loopback, ticker: str, status: int, times: int
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
    ],
)
def test_a_lasting_fault_is_one_line_that_says_to_go_on_later(
    yahoo: Yahoo, session: Loopback, ticker: str, status: int, body: bytes | None, says: str
) -> None:
    yahoo.statuses[ticker] = [status]
    if body is not None:
        yahoo.bodies[ticker] = body
    pauses: list[float] = []
    with pytest.raises(DataError, match=f"{says}.*go on with the same line later") as caught:
        fetch(ticker, session, pauses)
    assert "\n" not in caught.value.line
    assert_backed_off(pauses, 3)


def test_no_network_is_one_line(yahoo: Yahoo, session: Loopback) -> None:
    yahoo.server_close()
    pauses: list[float] = []
    with pytest.raises(DataError, match=r"got no network \(ConnectionError\) in 4 tries"):
        fetch("GONE", session, pauses)
    assert_backed_off(pauses, 3)
