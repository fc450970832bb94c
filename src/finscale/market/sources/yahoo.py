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

    Rate limits, time-outs, lost connections and answers 5xx are tried again: `ask_patiently`.
    Rows without any price (halts, the running day) are left out.

    Parameters
    ----------
    session : curl_cffi or requests session, or None
        What yfinance sends its requests through; None is a `ChartSession`.
    sleep : callable
        Called with the seconds to wait.
    rng : random.Random
        Source of the jitter.

    Raises
    ------
    ConfigError
        If the ticker would be a path in Yahoo's address.
    DataError
        If Yahoo does not know the ticker, or still cannot be reached after the last try.
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
    # yfinance takes a second to import: only who fetches waits for it.
    import yfinance
    from yfinance.exceptions import YFTickerMissingError

    yfinance.config.debug.hide_exceptions = False
    # It warns of each try without a cookie; what matters is what the request itself comes to.
    logging.getLogger("yfinance").setLevel(logging.ERROR)
    source = yfinance.Ticker(ticker, session=session)
    # Yahoo's end is exclusive.
    ask = partial(source.history, start=start, end=end + timedelta(days=1), timeout=30)
    try:
        # Adjusted below: yfinance would make a row whose adjusted close alone is missing look
        # like one without prices.
        frame = ask(auto_adjust=False)
    except YFTickerMissingError as error:
        raise _unknown_ticker(ticker, str(error)) from error
    except OSError as error:
        status = http_status(error)
        if status is not None and 400 <= status < 500 and status != 429:
            raise _unknown_ticker(ticker, f"answer {status}") from error
        raise
    except (LookupError, TypeError, AttributeError) as error:
        # yfinance takes an answer apart without looking: this one has another form.
        raise ValueError(f"{type(error).__name__}: {error}") from error
    assert isinstance(frame, pd.DataFrame)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize(None).normalize()
    return _adjusted(frame.rename(columns=str.lower))


def _adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """Put every price on the scale of the adjusted close."""
    frame = frame.dropna(subset=_PRICES, how="all")
    factor = frame["adj close"] / frame["close"]
    prices = {name: frame[name] * factor for name in _PRICES[:3]}
    # Nothing was traded, or nobody counted it: the prices stand.
    volume = frame["volume"].fillna(0.0)
    return pd.DataFrame({**prices, "close": frame["adj close"], "volume": volume})


def _transient() -> tuple[type[Exception], ...]:
    """Return what another try may cure; every error of curl_cffi and requests is an OSError.

    ValueError: a page that is no JSON, which is how Yahoo's outages and hotel networks look.
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
        todo="Nothing is lost: go on with the same line later.",
    )
