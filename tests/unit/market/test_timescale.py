"""Coarser bars: written out by hand around holidays, and blind to the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import TIMESCALES, ConfigError, DataError
from finscale.market import resample, validate_bars
from finscale.market.sources.bundled import bundled_bars

COARSE = [scale for scale in TIMESCALES if not scale.startswith("daily")]


def sessions(*dates: str) -> pd.DataFrame:
    """Number the sessions 1, 2, …: session k opens at k, ranges over k ± .5, closes at k + .25."""
    k = np.arange(1.0, len(dates) + 1)
    columns = {"open": k, "high": k + 0.5, "low": k - 0.5, "close": k + 0.25, "volume": 10.0**k}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(dates, name="date").as_unit("us"))


# November 2023: Thursday 23rd is Thanksgiving, Friday 24th a session; the 30th is a Thursday.
NOVEMBER = sessions(
    *(f"2023-11-{day:02d}" for day in (6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 20, 21, 22, 24)),
    *("2023-11-27", "2023-11-28", "2023-11-29", "2023-11-30", "2023-12-01", "2023-12-04"),
)


def test_weeks_of_a_month_with_a_holiday_by_hand() -> None:
    weeks = resample(NOVEMBER, "weekly")
    assert [f"{day:%m-%d}" for day in weeks.index] == ["11-10", "11-17", "11-24", "12-01"]
    assert weeks["open"].to_list() == [1, 6, 11, 15]
    assert weeks["high"].to_list() == [5.5, 10.5, 14.5, 19.5]
    assert weeks["low"].to_list() == [0.5, 5.5, 10.5, 14.5]
    assert weeks["close"].to_list() == [5.25, 10.25, 14.25, 19.25]
    assert weeks["volume"].to_list() == [111110.0, 11111e6, 1111e11, 11111e15]


def test_pairs_of_weeks_and_months_by_hand() -> None:
    pairs = resample(NOVEMBER, "2wk")
    assert [f"{day:%m-%d}" for day in pairs.index] == ["11-17", "12-01"]
    assert pairs["open"].to_list() == [1, 11] and pairs["close"].to_list() == [10.25, 19.25]
    months = resample(NOVEMBER, "monthly")
    assert [f"{day:%m-%d}" for day in months.index] == ["11-30"]
    assert months["close"].to_list() == [18.25] and months["low"].to_list() == [0.5]


@pytest.mark.parametrize(("scale", "size", "n_bars"), [("2d", 2, 10), ("3d", 3, 6), ("5d", 5, 4)])
def test_sessions_are_counted_from_the_first_bar(scale: str, size: int, n_bars: int) -> None:
    bars = resample(NOVEMBER, scale)  # type: ignore[arg-type]
    last = np.arange(1, n_bars + 1) * size
    assert bars.index.equals(NOVEMBER.index[last - 1])
    assert bars["open"].to_list() == (last - size + 1).tolist()
    assert bars["close"].to_list() == (last + 0.25).tolist()


@pytest.mark.parametrize(
    ("scale", "last", "kept"),
    [
        ("weekly", "2024-03-28", ["03-22"]),  # Thursday; that Friday is Good Friday is not known
        ("weekly", "2024-04-01", ["03-22", "03-28"]),
        ("weekly", "2024-03-31", ["03-22", "03-31"]),  # a session on Sunday ends its week
        ("weekly", "2024-03-30", ["03-22"]),  # one on Saturday may be joined by Sunday's
        ("monthly", "2024-03-30", []),
        ("monthly", "2024-03-31", ["03-31"]),
        ("monthly", "2024-03-28", []),
        ("monthly", "2024-04-01", ["03-28"]),
    ],
)
def test_a_bar_that_may_grow_is_dropped(scale: str, last: str, kept: list[str]) -> None:
    days = ["2024-03-21", "2024-03-22", "2024-03-27", "2024-03-28"]
    bars = sessions(*dict.fromkeys([*days, last]))
    if not kept:
        with pytest.raises(DataError, match="timescale monthly: expected at least one"):
            resample(bars, scale)  # type: ignore[arg-type]
        return
    assert [f"{day:%m-%d}" for day in resample(bars, scale).index] == kept  # type: ignore[arg-type]


def test_a_month_ends_on_its_last_weekday() -> None:
    bars = sessions("2023-09-28", "2023-09-29")  # the 30th is a Saturday
    assert len(resample(bars, "monthly")) == 1


def test_a_week_without_sessions_gives_no_bar() -> None:
    bars = sessions("2001-09-07", "2001-09-10", "2001-09-24", "2001-09-28")
    assert [f"{day:%m-%d}" for day in resample(bars, "weekly").index] == ["09-07", "09-10", "09-28"]


def test_twenty_years_of_months_leave_41_rows_after_the_warm_up() -> None:
    bars = validate_bars(bundled_bars("^GSPC"), "^GSPC")
    assert len(resample(bars, "monthly")) - 199 == 41
    assert len(resample(bars, "weekly")) == 1043


@pytest.mark.parametrize("scale", COARSE)
def test_bars_stay_valid_and_nothing_is_lost(scale: str) -> None:
    bars = validate_bars(bundled_bars("^IXIC"), "^IXIC").iloc[:1201]
    coarse = resample(bars, scale)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(validate_bars(coarse, scale), coarse)
    within = bars.loc[: coarse.index[-1]]
    assert coarse["volume"].sum() == pytest.approx(within["volume"].sum(), rel=1e-12)
    assert coarse["high"].max() == within["high"].max()
    assert coarse["low"].min() == within["low"].min()


@pytest.mark.parametrize("scale", ["daily", "daily+multi"])
def test_daily_bars_are_the_sessions(scale: str) -> None:
    assert resample(NOVEMBER, scale) is NOVEMBER  # type: ignore[arg-type]


def test_an_unknown_timescale_names_those_there_are() -> None:
    said = r"timescale: expected one of daily, .*; got 'weakly'\. Did you mean weekly"
    with pytest.raises(ConfigError, match=said):
        resample(NOVEMBER, "weakly")  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(scale=st.sampled_from(COARSE), cut=st.integers(23, 996), cuts_off=st.booleans())
def test_sessions_after_a_date_change_no_bar_that_was_over(
    scale: str, cut: int, cuts_off: bool
) -> None:
    bars = validate_bars(bundled_bars("^GSPC"), "^GSPC").iloc[:997]
    altered = bars.iloc[:cut] if cuts_off else bars.copy()
    if not cuts_off:
        altered.iloc[cut:] = altered.iloc[cut:].to_numpy()[::-1] * 7.0
    before = resample(bars, scale)  # type: ignore[arg-type]
    after = resample(altered, scale)  # type: ignore[arg-type]
    over = before.index < bars.index[cut]
    known = before[over].iloc[: len(after)]
    # A cut may leave the last bar open: it is then missing, and never other than it was.
    assert len(before[over]) - len(known) <= 1
    pd.testing.assert_frame_equal(after.iloc[: len(known)], known, check_exact=True)
