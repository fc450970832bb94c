"""A loopback server that speaks Yahoo's chart protocol and FRED's CSV download, faults included."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from finscale.market.sources.chart_session import ChartSession

CHART, FRED = "/v8/finance/chart/", "/graph/fredgraph.csv"
Turn = int | Literal["cut", "silent"]
Prices = list[float | None]


def stamp(day: date) -> int:
    """Return the moment that Yahoo gives a session: 14:30 UTC is 09:30 in New York in winter."""
    return int(datetime.combine(day, time(14, 30), UTC).timestamp())


@dataclass
class Market:
    """What Yahoo holds of a ticker; the adjusted close is half the close where nothing is said."""

    days: list[date] = field(default_factory=lambda: [date(2024, 1, day) for day in (2, 3, 4, 5)])
    open: Prices = field(default_factory=lambda: [10.0, 11.0, 12.0, 13.0])
    high: Prices = field(default_factory=lambda: [14.0, 15.0, 16.0, 17.0])
    low: Prices = field(default_factory=lambda: [8.0, 9.0, 10.0, 11.0])
    close: Prices = field(default_factory=lambda: [12.0, 13.0, 14.0, 15.0])
    volume: Prices = field(default_factory=lambda: [100, 200, 300, 400])
    adjclose: Prices = field(default_factory=lambda: [6.0, 6.5, 7.0, 7.5])
    splits: dict[date, int] = field(default_factory=dict)

    def chart(self, ticker: str, begin: int, end: int) -> dict[str, Any]:
        """Give what Yahoo answers for the sessions from `begin` to before `end`."""
        kept = [row for row, day in enumerate(self.days) if begin <= stamp(day) < end]
        names = ("open", "high", "low", "close", "volume")
        quote = {name: [getattr(self, name)[row] for row in kept] for name in names}
        adjusted = [{"adjclose": [self.adjclose[row] for row in kept]}]
        days = {self.days[row] for row in kept}
        splits = {str(stamp(day)): _split(day, n) for day, n in self.splits.items() if day in days}
        result = {
            "meta": META | {"symbol": ticker},
            "timestamp": [stamp(self.days[row]) for row in kept],
            "indicators": {"quote": [quote], "adjclose": adjusted},
            "events": {"splits": splits},
        }
        return {"chart": {"result": [result], "error": None}}


META = {
    "currency": "USD",
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


def _split(day: date, n: int) -> dict[str, Any]:
    return {"date": stamp(day), "numerator": n, "denominator": 1, "splitRatio": f"{n}:1"}


def rising(days: list[date], factor: float = 1.0) -> Market:
    """Return a market that closes at 100, 101, ... times a factor of adjustment."""
    close: Prices = [100.0 + row for row in range(len(days))]
    return Market(
        days=days,
        open=[price - 1.0 for price in close if price],
        high=[price + 2.0 for price in close if price],
        low=[price - 2.0 for price in close if price],
        close=close,
        volume=[7] * len(days),
        adjclose=[price * factor for price in close if price],
    )


def not_found() -> dict[str, Any]:
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    return {"chart": {"result": None, "error": error}}


class Yahoo(ThreadingHTTPServer):
    """Answers a ticker or series with its turns one after another, the last one for ever.

    A turn is a status, "cut" (half an answer), or "silent" (none). A ticker without is unknown.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: dict[str, list[Turn]] = {}
        self.bodies: dict[str, bytes] = {}
        self.markets: dict[str, Market] = {}
        self.observations: dict[str, dict[str, str]] = {}
        self.asked: Counter[str] = Counter()
        self.periods: list[tuple[str, str, str]] = []
        self.closing = threading.Event()

    def next_turn(self, name: str) -> Turn:
        """Count the question and look up the turn it has."""
        turns = self.statuses.get(name, [404])
        turn = turns[min(self.asked[name], len(turns) - 1)]
        self.asked[name] += 1
        return turn

    def chart(self, ticker: str, query: dict[str, str]) -> bytes:
        """Answer the chart, and note the dates that were asked for."""
        begin, end = (int(query.get(name, "0")) for name in ("period1", "period2"))
        if begin:
            first, last = (str(datetime.fromtimestamp(at, UTC).date()) for at in (begin, end))
            self.periods.append((ticker, first, last))
        return json.dumps(self.markets.get(ticker, Market()).chart(ticker, begin, end)).encode()

    def table(self, series: str, query: dict[str, str]) -> bytes:
        """Answer FRED's download, and note the dates that were asked for."""
        first, last = query["cosd"], query["coed"]
        self.periods.append((series, first, last))
        kept = {
            day: value
            for day, value in self.observations.get(series, {}).items()
            if first <= day <= last
        }
        rows = [f"{day},{value}" for day, value in kept.items()]
        return "\n".join([f"observation_date,{series}", *rows, ""]).encode()


class Handler(BaseHTTPRequestHandler):
    server: Yahoo

    def do_GET(self) -> None:
        """Answer charts, series, the crumb, and nothing else."""
        path = unquote(urlsplit(self.path).path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if path.startswith(CHART):
            self._give(path.removeprefix(CHART), query, self.server.chart)
        elif path == FRED:
            self._give(query["id"], query, self.server.table)
        elif path == "/v1/test/getcrumb":
            self._send(200, b"a-crumb")
        else:
            self._send(404, b"{}")

    def _give(self, name: str, query: dict[str, str], answer: Any) -> None:
        turn = self.server.next_turn(name)
        if turn == "silent":
            self.server.closing.wait(30)
            return
        body = answer(name, query) if turn in (200, "cut") else json.dumps(not_found()).encode()
        body = self.server.bodies.get(name, body)
        self._send(200 if turn == "cut" else int(turn), body, keep=0.5 if turn == "cut" else 1.0)

    def _send(self, status: int, body: bytes, keep: float = 1.0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: int(len(body) * keep)])

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Loopback(ChartSession):
    """The session of production, sent to a port of this machine."""

    def __init__(self, port: int, patience: float = 30.0) -> None:
        super().__init__(patience)
        self.port = port

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """Rewrite the address, whatever host it names."""
        parts = urlsplit(url)._replace(scheme="http", netloc=f"127.0.0.1:{self.port}")
        return super().request(method, parts.geturl(), *args, **kwargs)


@contextmanager
def yahoo_server() -> Iterator[Yahoo]:
    """Run the server until the block is over."""
    with Yahoo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
