"""Daily bars from Yahoo through yfinance, adjusted for splits and dividends."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd

from finscale.config import DataError

RETRY_SECONDS = (1.0, 2.0, 4.0)
JITTER = 0.5


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

    Rate limits, time-outs, lost connections and answers 5xx are tried again after 1, 2 and 4 s,
    each with up to 50 % more, so that parallel runs do not come back at the same moment.

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
    DataError
        If Yahoo does not know the ticker, or still cannot be reached after the last try.
    """
    if session is None:
        from finscale.market.sources.chart_session import ChartSession

        session = ChartSession()
    for pause in RETRY_SECONDS:
        try:
            return _history(ticker, start, end, session)
        except _transient():
            sleep(pause * (1.0 + JITTER * rng.random()))
    try:
        return _history(ticker, start, end, session)
    except _transient() as error:
        raise _unreachable(ticker, error) from error


def _history(ticker: str, start: date, end: date, session: Any) -> pd.DataFrame:
    # yfinance takes a second to import: only who fetches waits for it.
    import yfinance
    from yfinance.exceptions import YFTickerMissingError

    yfinance.config.debug.hide_exceptions = False
    source = yfinance.Ticker(ticker, session=session)
    try:
        # Yahoo's end is exclusive.
        frame = source.history(start=start, end=end + timedelta(days=1), auto_adjust=True)
    except YFTickerMissingError as error:
        raise _unknown_ticker(ticker, str(error)) from error
    except OSError as error:
        status = _status(error)
        if status is not None and 400 <= status < 500 and status != 429:
            raise _unknown_ticker(ticker, f"answer {status}") from error
        raise
    assert isinstance(frame, pd.DataFrame)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize(None).normalize()
    return frame.rename(columns=str.lower)


def _transient() -> tuple[type[Exception], ...]:
    """Return what another try may cure; every error of curl_cffi and requests is an OSError.

    ValueError: a page that is no JSON, which is how Yahoo's outages and hotel networks look.
    """
    from yfinance.exceptions import YFDataException, YFRateLimitError

    return (OSError, ValueError, YFDataException, YFRateLimitError)


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    # A failed connection has a response of status 0 in curl_cffi.
    return int(status) if status else None


def _unknown_ticker(ticker: str, reason: str) -> DataError:
    return DataError(
        f"ticker {ticker} of source yahoo",
        expected="a ticker with prices between start and end",
        got=reason,
        todo="Look the ticker up on finance.yahoo.com and correct the universe.",
    )


def _unreachable(ticker: str, error: Exception) -> DataError:
    from yfinance.exceptions import YFDataException, YFRateLimitError

    status = _status(error)
    if isinstance(error, YFRateLimitError) or status == 429:
        got = "too many requests"
    elif status is not None:
        got = f"answer {status}"
    elif isinstance(error, ValueError | YFDataException) and not isinstance(error, OSError):
        got = "a page that holds no prices"
    else:
        got = f"no network ({type(error).__name__})"
    return DataError(
        f"ticker {ticker} of source yahoo",
        expected="an answer from query2.finance.yahoo.com",
        got=f"{got} in {len(RETRY_SECONDS) + 1} tries",
        todo="Nothing is lost: go on with the same line later.",
    )
