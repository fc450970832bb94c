"""Macro series from FRED, the database of the Federal Reserve Bank of St. Louis.

The CSV download needs no key and gives the present version of each series. The rates are not
revised. UNRATE and CPIAUCSL are revised slightly each year by new seasonal factors, so their values
are today's, not those of the first publication (ALFRED has all vintages, but requires a key).

A row has the date that it describes. `known_dates` returns when its value was known:

- DGS10, DGS2, DFF: the Federal Reserve's release H.15 gives a day's rates in the afternoon of the
  next business day. A forecast at a close may use them one more business day later: two business
  days after the observation, not counting federal holidays.
- UNRATE, CPIAUCSL: a value has the date of the first day of its month. It is usually published 30
  to 50 days after this date. The longest delay on record is 80 days (UNRATE of September 2025,
  published on 20 November 2025 after a shutdown of the government). 90 days cover it.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from finscale.config import DataError, FredSeries
from finscale.market.sources.flat import flat_bars
from finscale.market.sources.retry import UnreachableError, ask_patiently, failure

ADDRESS = "https://fred.stlouisfed.org/graph/fredgraph.csv"
# Two years and some days, so that changes over a year are known before the first session.
LOOK_BACK = timedelta(days=800)
_NEXT_DAYS = "two business days after its day"
_NEXT_MONTHS = "90 days after the first of its month"
FRED: dict[FredSeries, tuple[str, str]] = {
    "DGS10": ("Treasury yield, ten years, per cent", _NEXT_DAYS),
    "DGS2": ("Treasury yield, two years, per cent", _NEXT_DAYS),
    "DFF": ("effective federal funds rate, per cent", _NEXT_DAYS),
    "UNRATE": ("unemployment rate, per cent, seasonally adjusted", _NEXT_MONTHS),
    "CPIAUCSL": ("consumer prices, index, seasonally adjusted", _NEXT_MONTHS),
}
"""Description of each series, and when its values are known."""
MONTHLY: tuple[FredSeries, ...] = ("UNRATE", "CPIAUCSL")
LAG_BUSINESS_DAYS = 2
LAG_MONTHLY = pd.Timedelta(days=90)
# Errors after which to try again. An outage or a network's login page gives a page that is not CSV.
_TRANSIENT = (OSError, ValueError)


def fred_bars(
    series: FredSeries,
    start: date,
    end: date,
    *,
    session: Any,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> pd.DataFrame:
    """Fetch the observations from `start` to `end` as flat bars, with the dates they describe.

    Parameters
    ----------
    session, sleep, rng
        See `yahoo_bars`; both take the same session.

    Raises
    ------
    DataError
        If FRED does not know the series, or cannot be reached in any of the tries.
    """
    if session is None:
        from finscale.market.sources.chart_session import ChartSession

        session = ChartSession()
    ask = partial(_observations, series, start, end, session)
    try:
        return flat_bars(ask_patiently(ask, _TRANSIENT, sleep=sleep, rng=rng))
    except _TRANSIENT as error:
        raise UnreachableError(
            f"series {series} of FRED",
            expected="an answer from fred.stlouisfed.org",
            got=failure(error, "a page that holds no observations"),
            todo="Nothing is lost: run the same line again later.",
        ) from error


def known_dates(series: FredSeries, observed: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return, for each observation's date, the first date at whose close its value may be used."""
    if series in MONTHLY:
        return observed + LAG_MONTHLY
    if not len(observed):
        return observed
    far = observed.max() + pd.Timedelta(days=30)
    holidays = USFederalHolidayCalendar().holidays(observed.min(), far).to_numpy()
    # A weekend's observation counts as Monday's, because it is not published earlier.
    known = np.busday_offset(
        observed.to_numpy().astype("datetime64[D]"),
        LAG_BUSINESS_DAYS,
        roll="forward",
        holidays=holidays.astype("datetime64[D]"),
    )
    return pd.DatetimeIndex(known).as_unit("us").rename(observed.name)


def _observations(series: str, start: date, end: date, session: Any) -> pd.Series[float]:
    query = {"id": series, "cosd": start.isoformat(), "coed": end.isoformat()}
    response = session.get(ADDRESS, params=query, timeout=30)
    if 400 <= response.status_code < 500 and response.status_code != 429:
        raise DataError(
            f"series {series} of FRED",
            expected="a series with observations between start and end",
            got=f"answer {response.status_code}",
            todo="Look the series up on fred.stlouisfed.org.",
        )
    response.raise_for_status()
    table = pd.read_csv(io.StringIO(response.text), dtype=str)
    if len(table.columns) != 2 or table.columns[1] != series:
        raise ValueError(f"columns {', '.join(table.columns)}"[:80])
    dates = pd.to_datetime(table.iloc[:, 0], format="%Y-%m-%d")
    # FRED writes a missing value as a dot, or as an empty cell.
    values = pd.to_numeric(table[series].replace(".", None))
    return pd.Series(values.to_numpy(np.float64), pd.DatetimeIndex(dates, name="date"))
