"""Daily bars from Yahoo through yfinance, adjusted for splits and dividends."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pandas as pd

from finscale.config import DataError, check_ticker
from finscale.market.sources.chart_cache import without_broken_cache
from finscale.market.sources.retry import (
    N_TRIES,
    UnreachableError,
    ask_patiently,
    failure,
    http_status,
)

_PRICES = ["open", "high", "low", "close"]


def yahoo_bars(
    ticker: str,
    start: date,
    end: date,
    *,
    session: Any,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> pd.DataFrame:
    """Fetch the sessions from `start` to `end`, both included.

    Requests with rate limits, time-outs, lost connections and 5xx answers are tried again, see
    `ask_patiently`. Rows without any price (halts, the current day) are left out.

    Parameters
    ----------
    session : curl_cffi or requests session, or None
        Session for the requests of yfinance; None makes a `ChartSession`.
    sleep : callable
        Called with the number of seconds to wait.
    rng : random.Random
        Random numbers for the length of pauses.

    Raises
    ------
    ConfigError
        If the ticker would change the path of Yahoo's address.
    DataError
        If Yahoo does not know the ticker, or cannot be reached in any of the tries.
    """
    check_ticker(ticker, "ticker of source yahoo")
    if session is None:
        from finscale.market.sources.chart_session import ChartSession

        session = ChartSession()
    ask = partial(without_broken_cache, partial(_history, ticker, start, end, session))
    try:
        return ask_patiently(ask, _transient(), sleep=sleep, rng=rng)
    except _transient() as error:
        raise _unreachable(ticker, error) from error


def _history(ticker: str, start: date, end: date, session: Any) -> pd.DataFrame:
    # Imported here because yfinance takes a second to import.
    import yfinance
    from yfinance.exceptions import YFTickerMissingError

    yfinance.config.debug.hide_exceptions = False
    # yfinance warns of each try without a cookie; only the result of the request matters.
    logging.getLogger("yfinance").setLevel(logging.ERROR)
    source = yfinance.Ticker(ticker, session=session)
    # Yahoo's end is exclusive.
    ask = partial(source.history, start=start, end=end + timedelta(days=1), timeout=30)
    try:
        # We adjust below, because yfinance would remove all prices of a row whose adjusted close
        # is missing.
        frame = ask(auto_adjust=False)
    except YFTickerMissingError as error:
        raise _unknown_ticker(ticker, str(error)) from error
    except OSError as error:
        status = http_status(error)
        if status is not None and 400 <= status < 500 and status != 429:
            raise _unknown_ticker(ticker, f"answer {status}") from error
        raise
    except (LookupError, TypeError, AttributeError) as error:
        # yfinance does not check the form of an answer: this one is malformed.
        raise ValueError(f"{type(error).__name__}: {error}") from error
    assert isinstance(frame, pd.DataFrame)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize(None).normalize()
    return _adjusted(frame.rename(columns=str.lower))


def _adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """Scale all prices by the ratio of adjusted close to close."""
    frame = frame.dropna(subset=_PRICES, how="all")
    factor = frame["adj close"] / frame["close"]
    prices = {name: frame[name] * factor for name in _PRICES[:3]}
    # A missing volume becomes 0: nothing was traded, or trades were not counted.
    volume = frame["volume"].fillna(0.0)
    return pd.DataFrame({**prices, "close": frame["adj close"], "volume": volume})


def _transient() -> tuple[type[Exception], ...]:
    """Return the errors after which to try again; all errors of curl_cffi and requests are OSError.

    ValueError means a page that is not JSON: an outage of Yahoo, or the login page of a network.
    """
    from yfinance.exceptions import YFDataException, YFRateLimitError

    return (OSError, ValueError, YFDataException, YFRateLimitError)


def _unknown_ticker(ticker: str, reason: str) -> DataError:
    return DataError(
        f"ticker {ticker} of source yahoo",
        expected="a ticker with prices between start and end",
        got=reason,
        todo="Look the ticker up on finance.yahoo.com and correct the universe.",
    )


def _unreachable(ticker: str, error: Exception) -> UnreachableError:
    from yfinance.exceptions import YFRateLimitError

    limited = isinstance(error, YFRateLimitError)
    got = failure(error, "a page that holds no prices")
    return UnreachableError(
        f"ticker {ticker} of source yahoo",
        expected="an answer from query2.finance.yahoo.com",
        got=f"too many requests in {N_TRIES} tries" if limited else got,
        todo="Nothing is lost: run the same line again later.",
    )
