"""No macro value is used before it was published."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import FredSeries
from finscale.market.publication import as_known
from finscale.market.sources import known_dates
from finscale.market.sources.flat import flat_bars

DAILY: list[FredSeries] = ["DGS10", "DGS2", "DFF"]
MONTHLY: list[FredSeries] = ["UNRATE", "CPIAUCSL"]


def known(series: FredSeries, *days: str) -> list[str]:
    return [str(day.date()) for day in known_dates(series, pd.DatetimeIndex(days))]


@pytest.mark.parametrize("series", DAILY)
def test_a_rate_is_known_two_business_days_later(series: FredSeries) -> None:
    # Monday to Friday, then a weekend: the federal funds rate has values on those days too.
    days = ["2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-22", "2024-01-27"]
    # The 15th of January 2024 is a holiday.
    expected = ["2024-01-10", "2024-01-11", "2024-01-12", "2024-01-16", "2024-01-24", "2024-01-31"]
    assert known(series, *days) == expected


@pytest.mark.parametrize("series", MONTHLY)
def test_a_month_is_known_after_the_longest_delay_on_record(series: FredSeries) -> None:
    assert known(series, "2024-01-01", "2025-09-01") == ["2024-03-31", "2025-11-30"]
    # September 2025 was published on 20 November, after a shutdown of the government.
    assert pd.Timestamp(known(series, "2025-09-01")[0]) >= pd.Timestamp("2025-11-20")


def test_every_observation_stays_and_of_two_known_on_one_day_the_later_is_last() -> None:
    days = pd.DatetimeIndex(["2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"], name="date")
    bars = as_known(flat_bars(pd.Series([1.0, 2.0, 3.0, 4.0], days)), "DFF")
    assert [str(day.date()) for day in bars.index] == ["2024-01-09", *["2024-01-10"] * 3]
    assert bars["close"].to_list() == [1.0, 2.0, 3.0, 4.0]


def test_no_observation_is_no_row() -> None:
    assert len(known_dates("DFF", pd.DatetimeIndex([]))) == 0


@settings(max_examples=60, deadline=None)
@given(
    series=st.sampled_from(DAILY + MONTHLY),
    gaps=st.lists(st.integers(1, 40), min_size=3, max_size=40),
    at=st.integers(0, 1500),
    seed=st.integers(0, 1000),
)
def test_what_is_published_later_changes_nothing_before(
    series: FredSeries, gaps: list[int], at: int, seed: int
) -> None:
    days = pd.DatetimeIndex(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.cumsum(gaps), "D"))
    values = pd.Series(np.arange(len(days), dtype=float), days)
    moment = days[0] + pd.Timedelta(days=at % (sum(gaps) + 100))
    later = known_dates(series, days) > moment
    altered = values.where(~later, np.random.default_rng(seed).normal(size=len(days)))
    before = as_known(flat_bars(values), series).loc[:moment]
    after = as_known(flat_bars(altered), series).loc[:moment]
    pd.testing.assert_frame_equal(before, after)
    assert before.index.is_monotonic_increasing
    # A value that is used was observed a full business day before, at least.
    observed = days[before["close"].astype(int)]
    assert ((before.index - observed) >= pd.Timedelta(days=2)).all()
