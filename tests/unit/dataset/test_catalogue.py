"""Single features on bars that are written out, against numbers worked out by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from finscale.dataset.catalogue import (
    calendar,
    crossing,
    momentum,
    patterns,
    ranges,
    statistics,
    trend,
    volatility,
    volume,
)
from finscale.dataset.catalogue.feature import SPAN, TURNED_OVER, Feature, from_talib
from finscale.dataset.features import build_table
from finscale.dataset.indicators import (
    BarArrays,
    FloatArray,
    as_arrays,
    coarser_period,
    finished,
    lagged,
    ratio,
)
from finscale.dataset.normalise import stationary_table

E = math.e


def bars_of(
    closes: list[float], volumes: list[float] | None = None, start: str = "2024-03-04"
) -> pd.DataFrame:
    """Give bars of one price each, one a day from a Monday on."""
    index = pd.date_range(start, periods=len(closes), name="date", unit="us")
    columns = dict.fromkeys(("open", "high", "low", "close"), closes)
    table = pd.DataFrame(columns, index=index, dtype=np.float64)
    return table.assign(volume=1.0 if volumes is None else volumes)


def last(feature: Feature, bars: pd.DataFrame) -> float:
    return float(feature.compute(as_arrays(bars))[-1])


def test_range_volatilities_of_one_kind_of_bar() -> None:
    # Open 1, high e, low 1/e, close 1: ln(high/low) = 2, ln(close/open) = 0.
    bars = bars_of([1.0] * 5).assign(high=E, low=1 / E)
    assert last(ranges.parkinson(3), bars) == pytest.approx(math.sqrt(4 / (4 * math.log(2))))
    assert last(ranges.garman_klass(3), bars) == pytest.approx(math.sqrt(2.0))
    # ln(h/c) ln(h/o) + ln(l/c) ln(l/o) = 1 + 1; no gaps and no bodies beside it, k = .34 / 3.34.
    assert last(ranges.rogers_satchell(3), bars) == pytest.approx(math.sqrt(2.0))
    weight = 0.34 / (1.34 + 4 / 2)
    assert last(ranges.yang_zhang(3), bars) == pytest.approx(math.sqrt(2.0 * (1 - weight)))


def test_a_spread_is_what_one_days_range_has_and_two_days_do_not_add_to() -> None:
    # Both days 2 wide and together too: beta = 8, gamma = 4 (Corwin and Schultz 2012, eq. 14).
    bars = bars_of([1.0] * 5).assign(high=E, low=1 / E)
    k = 3 - 2 * math.sqrt(2)
    alpha = (math.sqrt(2 * 8) - math.sqrt(8)) / k - math.sqrt(4 / k)
    expected = 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))
    assert last(ranges.corwin_schultz(3), bars) == pytest.approx(expected)


def test_volatility_of_returns() -> None:
    # Log returns 1, -1, 1, -1: deviation 1, half of the squares on falling days.
    bars = bars_of([1.0, E, 1.0, E, 1.0])
    assert last(volatility.realised(4), bars) == pytest.approx(1.0)
    assert last(volatility.downside(4), bars) == pytest.approx(math.sqrt(0.5))
    assert last(volatility.down_share(4), bars) == pytest.approx(0.5)
    # Drawdowns within two closes: 0, 1/e - 1.
    assert last(volatility.ulcer(2), bars) == pytest.approx((1 - 1 / E) / math.sqrt(2))


def test_a_steady_path_has_no_jumps_and_one_leap_is_nothing_else() -> None:
    steady = bars_of([E**k for k in range(6)])
    assert last(volatility.jump_share(4), steady) == pytest.approx(1 - math.pi / 2)
    leap = bars_of([1.0, 1.0, 1.0, 1.0, E, E, E])
    assert last(volatility.jump_share(4), leap) == pytest.approx(1.0)


def test_variance_ratio_and_autocorrelation_of_a_zigzag() -> None:
    # Returns of two days are all 0; each return is the one before with the other sign.
    bars = bars_of([1.0, E] * 6)
    assert last(statistics.variance_ratio(2, 6), bars) == 0.0
    assert last(statistics.autocorrelation(1, 6), bars) == pytest.approx(-1.0)
    assert last(statistics.autocorrelation(2, 6), bars) == pytest.approx(1.0)
    assert last(statistics.turning_points(6), bars) == 1.0


def test_moments_by_hand() -> None:
    # Returns 0, 0, 0, 4: mean 1, variance 3, third moment (-1 -1 -1 + 27) / 4 = 6, fourth 21.
    bars = bars_of([1.0, 1.0, 1.0, 1.0, E**4])
    assert last(statistics.skewness(4), bars) == pytest.approx(6 / 3**1.5)
    assert last(statistics.kurtosis(4), bars) == pytest.approx(21 / 9)
    assert last(statistics.tail_balance(4), bars) == 1.0


def test_entropy_is_one_where_all_patterns_are_as_frequent_and_zero_where_one_is_all() -> None:
    assert last(statistics.sign_entropy(5), bars_of([float(k + 1) for k in range(9)])) == 0.0
    # Up, up, down, down, …: the four pairs of signs come in turn.
    path = np.cumsum([0, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1]) + 5.0
    assert last(statistics.sign_entropy(8), bars_of(path.tolist())) == pytest.approx(1.0)


def test_streak_counts_closes_in_a_row() -> None:
    bars = bars_of([3.0, 4.0, 5.0, 5.0, 4.0, 3.0, 2.0, 7.0])
    values = patterns.streak().compute(as_arrays(bars))
    np.testing.assert_array_equal(values, [np.nan, 1, 2, 0, -1, -2, -3, 1])


def test_bars_since_the_extremes() -> None:
    bars = bars_of([7.0, 9.0, 3.0, 5.0, 4.0])
    assert last(statistics.since_high(5), bars) == 0.75
    assert last(statistics.since_low(5), bars) == 0.5
    assert last(statistics.drawdown(5), bars) == pytest.approx(4 / 9 - 1)
    assert last(volume.since_busiest(5), bars.assign(volume=[1, 2, 3, 9, 3])) == 0.25


def test_shapes_of_a_bar() -> None:
    # Open 4, high 10, low 0, close 6.
    bars = bars_of([5.0, 6.0]).assign(open=[5.0, 4.0], high=[5.0, 10.0], low=[5.0, 0.0])
    assert last(patterns.body(), bars) == pytest.approx(0.2)
    assert last(patterns.upper_shadow(1), bars) == pytest.approx(0.4)
    assert last(patterns.lower_shadow(1), bars) == pytest.approx(0.4)
    assert last(patterns.close_place(1), bars) == pytest.approx(0.2)
    assert last(patterns.outside_bars(1), bars) == 1.0
    assert last(patterns.inside_bars(1), bars) == 0.0
    # A bar of one price has no shape.
    assert last(patterns.body(), bars.iloc[:1]) == 0.0


def test_volume_by_hand() -> None:
    bars = bars_of([1.0, 2.0, 1.0, 3.0], [9.0, 6.0, 3.0, 11.0])
    assert last(volume.volume_ratio(2, 4), bars) == pytest.approx(math.log(7 / 7.25))
    assert last(volume.relative_volume(3), bars) == pytest.approx(math.log(11 / 6))
    assert last(volume.up_volume(3), bars) == pytest.approx(17 / 20)
    assert last(volume.balance_change(3), bars) == pytest.approx((6 - 3 + 11) / 3)
    # Volume fell on the second and third day, rose on the fourth.
    assert last(volume.quiet_days(3), bars) == pytest.approx((math.log(2) - math.log(2)) / 3)
    assert last(volume.busy_days(3), bars) == pytest.approx(math.log(3) / 3)


def test_momentum_and_trend_by_hand() -> None:
    bars = bars_of([1.0, E, E**2, E**2, E**4])
    assert last(momentum.log_return_over(2), bars) == pytest.approx(2.0)
    assert last(momentum.past_return(1), bars) == pytest.approx(0.0, abs=1e-12)
    assert last(momentum.acceleration(2), bars) == pytest.approx(0.0, abs=1e-12)
    assert last(momentum.skipping(4, 1), bars) == pytest.approx(2.0)
    assert last(trend.channel_place(3), bars) == 1.0
    # Range e^4 - e^2 of three closes over a way of e^2 - e, 0 and e^4 - e^2.
    way = (E**2 - E) + (E**4 - E**2)
    assert last(trend.vertical_filter(3), bars) == pytest.approx((E**4 - E**2) / way)


# The calendar.


def on(day: date, feature: Feature) -> float:
    before = day - timedelta(days=1)
    bars = bars_of([1.0, 1.0], start=str(before))
    return last(feature, bars)


def test_days_of_the_week() -> None:
    wednesday = date(2024, 3, 6)
    assert on(wednesday, calendar.weekday_sine()) == pytest.approx(math.sin(2 * math.pi * 2 / 7))
    assert on(wednesday, calendar.weekday_cosine()) == pytest.approx(math.cos(4 * math.pi / 7))
    assert [on(date(2024, 3, d), calendar.monday()) for d in (3, 4, 5)] == [0, 1, 0]
    assert [on(date(2024, 3, d), calendar.friday()) for d in (7, 8, 9)] == [0, 1, 0]


def test_days_of_the_month_and_of_the_year() -> None:
    # The 9th of February 2024 comes after 8 of 29 days; 1 March is day 60 of a leap year.
    assert on(date(2024, 2, 9), calendar.month_day_sine()) == pytest.approx(
        math.sin(2 * math.pi * 8 / 29)
    )
    assert on(date(2024, 3, 1), calendar.year_sine()) == pytest.approx(
        math.sin(2 * math.pi * 60 / 366)
    )
    assert on(date(2024, 2, 1), calendar.quarter_cosine()) == pytest.approx(
        math.cos(2 * math.pi * 31 / 92)
    )
    # January 2025 is the twelfth month after January 2024.
    assert on(date(2025, 1, 7), calendar.election_sine()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("feature", "days", "expected"),
    [
        (calendar.turn_of_month(), ["02-27", "02-28", "02-29", "03-03", "03-04"], [0, 1, 1, 1, 0]),
        (calendar.january(), ["01-31", "02-01", "12-31"], [1, 0, 0]),
        (calendar.winter_half(), ["04-30", "05-01", "10-31", "11-01"], [1, 0, 0, 1]),
        # Third Fridays of 2024: 16 February, 15 March.
        (calendar.expiry_week(), ["02-11", "02-12", "02-16", "02-18", "02-19"], [0, 1, 1, 1, 0]),
        (calendar.quarterly_expiry(), ["02-16", "03-10", "03-15", "03-18"], [0, 0, 1, 0]),
        (calendar.days_to_expiry(), ["03-01", "03-15", "03-31"], [14 / 31, 0, -16 / 31]),
        (calendar.quarter_end(), ["02-29", "03-21", "03-22", "03-31", "04-01"], [0, 0, 1, 1, 0]),
        (calendar.year_end(), ["12-24", "12-25", "12-31", "01-03", "01-04"], [0, 1, 1, 1, 0]),
        # After Wednesday 27 March 2024: Thursday and Friday.
        (calendar.business_days_left(), ["03-27", "03-29", "03-31"], [2 / 23, 0, 0]),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else "",
)
def test_dates_that_are_known_in_advance(
    feature: Feature, days: list[str], expected: list[float]
) -> None:
    found = [on(date.fromisoformat(f"2024-{day}"), feature) for day in days]
    assert found == pytest.approx(expected)


def test_sessions_behind_are_counted_none_ahead() -> None:
    dates = pd.DatetimeIndex(["2024-03-28", "2024-04-01", "2024-04-02", "2024-04-08"], name="date")
    bars = bars_of([1.0] * 4).set_axis(dates)
    arrays = as_arrays(bars)
    since = calendar.days_since_session().compute(arrays)
    np.testing.assert_allclose(since, [np.nan, 0.4, 0.1, 0.6])
    week = calendar.sessions_this_week().compute(arrays)
    np.testing.assert_allclose(week, [0.2, 0.2, 0.4, 0.2])


# Coarser timescales.


@pytest.mark.parametrize(
    ("timescale", "days", "expected"),
    [
        ("daily", ["2024-03-03", "2024-03-04", "2024-03-10", "2024-03-11"], [0, 1, 1, 2]),
        ("2d", ["2024-03-03", "2024-03-04"], [0, 1]),
        ("3d", ["2024-03-10", "2024-03-11"], [0, 1]),
        ("5d", ["2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25"], [0, 1, 1, 2]),
        ("weekly", ["2024-03-08", "2024-03-15", "2024-03-22", "2024-03-29"], [0, 1, 1, 2]),
        ("2wk", ["2024-02-29", "2024-03-01", "2024-03-31", "2024-04-01"], [0, 1, 1, 2]),
        ("monthly", ["2023-12-29", "2024-01-31", "2024-03-28", "2024-04-30"], [0, 1, 1, 2]),
    ],
)
def test_bars_lie_in_periods_of_the_next_coarser_timescale(
    timescale: str, days: list[str], expected: list[int]
) -> None:
    numbers = np.array(days, dtype="datetime64[D]").astype(np.int64)
    period = coarser_period(numbers, timescale)
    assert (period - period[0]).tolist() == expected


def test_a_coarser_bar_is_made_of_all_its_bars() -> None:
    # Two sessions of one week, three of the next, one after it.
    dates = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-13", "2024-03-15", "2024-03-18"]
    bars = pd.DataFrame(
        {
            "open": [2.0, 3.0, 5.0, 4.0, 6.0, 7.0],
            "high": [4.0, 3.5, 9.0, 8.0, 7.0, 7.0],
            "low": [1.0, 2.0, 4.0, 3.0, 5.0, 7.0],
            "close": [3.0, 2.5, 4.5, 6.0, 6.5, 7.0],
            "volume": [10.0, 20.0, 1.0, 2.0, 4.0, 50.0],
        },
        index=pd.DatetimeIndex(dates, name="date"),
    )
    arrays = as_arrays(bars)
    weeks = finished(arrays, arrays.period)
    assert weeks.row.tolist() == [-1, -1, 0, 0, 0, 1]
    assert weeks.bars.open[:2].tolist() == [2, 5]
    assert weeks.bars.high[:2].tolist() == [4, 9]
    assert weeks.bars.low[:2].tolist() == [1, 3]
    assert weeks.bars.close[:2].tolist() == [2.5, 6.5]
    assert weeks.bars.volume[:2].tolist() == [30, 7]
    assert weeks.bars.day[1] == np.datetime64("2024-03-15", "D").astype(np.int64)
    wide = crossing.weekly(crossing.range_of_bar())
    assert (wide.name, wide.group) == ("week_range", "cross-timescale")
    np.testing.assert_allclose(
        wide.compute(arrays), [np.nan, np.nan, *[math.log(4)] * 3, math.log(3)]
    )
    place = crossing.place_in_coarse().compute(arrays)
    np.testing.assert_allclose(place, [np.nan, np.nan, 3.5 / 3, 5 / 3, 5.5 / 3, 4 / 6])
    # The unfinished week up to Wednesday: high 9, low 3; its volume 3 in two sessions.
    assert crossing.volume_so_far().warmup == 19


def test_a_month_is_shown_from_the_first_day_of_the_next() -> None:
    dates = pd.DatetimeIndex(["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-28"], name="date")
    bars = bars_of([4.0, 5.0, 6.0, 7.0]).set_axis(dates)
    arrays = as_arrays(bars)
    shown = arrays.months.show(lambda months: months.close)
    np.testing.assert_array_equal(shown, [np.nan, np.nan, 5, 5])


def test_a_level_of_a_coarser_bar_is_taken_against_its_own_close() -> None:
    bars = bars_of([float(k + 1) for k in range(21)])
    week = crossing.weekly(from_talib("trend", "line", np.negative, ("close",), (), 0, SPAN))
    # Closes of the finished weeks are 7 and 14: -7 / 7 and -14 / 14.
    np.testing.assert_array_equal(week.compute(as_arrays(bars))[[0, 7, 20]], [np.nan, -1, -1])


# What features are made with.


def test_lagged_gives_nothing_where_there_was_nothing() -> None:
    np.testing.assert_array_equal(lagged(np.array([1.0, 2.0, 3.0]), 2), [np.nan, np.nan, 1])
    np.testing.assert_array_equal(lagged(np.array([1.0]), 2), [np.nan])


def test_ratio_tells_unknown_from_empty() -> None:
    over, under = np.array([1.0, 1.0, 6.0]), np.array([np.nan, 0.0, 4.0])
    np.testing.assert_array_equal(ratio(over, under, empty=0.5), [np.nan, 0.5, 1.5])


def test_a_feature_of_talib_says_its_call() -> None:
    feature = momentum.stochastic(14, 3, 1)
    assert feature.formula == "TA-Lib STOCH(high, low, close, 14, 3, 0, 3), output 2"
    assert feature.name == "stoch_d_14_3"
    assert feature.inputs == ("high", "low", "close")
    assert feature.warmup == 13 + 2 + 2
    assert volume.force(5).warmup == TURNED_OVER.first == 19


def test_turnover_is_taken_out_of_a_force() -> None:
    # Close 5, then 4 after 20 bars with volume 9: (4 - 5) * 9 / (4 * 9).
    bars = bars_of([5.0] * 22 + [4.0], [9.0] * 23)

    def moved(b: BarArrays) -> FloatArray:
        return (b.close - lagged(b.close, 1)) * b.volume

    force = (Feature("f", "volume", "", ("close",), (), 19, TURNED_OVER, moved),)
    table = build_table(bars, force)
    found = stationary_table(table, force, bars["close"], bars["volume"])
    assert found["f"].iat[-1] == pytest.approx(-9 / 36)
