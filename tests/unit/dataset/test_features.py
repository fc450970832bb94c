"""Features: columns, warm-up, weeks, and that they see nothing of the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError, DataError
from finscale.dataset import (
    TIERS,
    WARMUP_ROWS,
    build_features,
    fit_scaler,
    make_labels,
    to_stationary,
)
from finscale.dataset.indicators import as_arrays, trailing_sum
from finscale.training import make_samples
from tests.markets import random_bars

A20 = (
    "open high low close volume dema_9 dema_10 dema_20 dema_25 dema_90 sma_12 sma_50 sma_100 "
    "sma_200 rsi_daily rsi_weekly stochrsi_daily stochrsi_weekly macd_line obv adosc atr_14 "
    "adx_14 bb_percent_b vwap_20"
).split()


def closes(dates: list[str], values: list[float]) -> pd.DataFrame:
    index = pd.DatetimeIndex(dates, name="date")
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), values)
    return pd.DataFrame(columns, index=index, dtype=np.float64)


def weekly_closes(bars: pd.DataFrame) -> list[float]:
    arrays = as_arrays(bars)
    return arrays.coarser.show(lambda weeks: weeks.close).tolist()


def test_a20_holds_the_columns_of_the_design_in_their_order() -> None:
    bars = random_bars(211, seed=1)
    features = build_features(bars, "a20")
    assert list(features.columns) == A20 == [feature.name for feature in TIERS["a20"]]
    assert list(to_stationary(features, "a20").columns) == A20
    assert features.index.equals(bars.index)
    assert (features.dtypes == np.float64).all()
    pd.testing.assert_frame_equal(features[bars.columns.to_list()], bars, check_freq=False)


def test_nothing_is_missing_after_the_warm_up_and_something_is_before() -> None:
    features = build_features(random_bars(401, seed=2), "a20")
    for table in (features, to_stationary(features, "a20")):
        assert np.isfinite(table.to_numpy()[WARMUP_ROWS["a20"] :]).all()
        assert table.iloc[WARMUP_ROWS["a20"] - 1].isna().any()


def test_the_first_row_after_the_warm_up_is_enough() -> None:
    assert np.isfinite(build_features(random_bars(200, seed=3), "a20").to_numpy()[-1]).all()
    with pytest.raises(DataError, match="expected more than 199, its warm-up; got 199"):
        build_features(random_bars(199, seed=3), "a20")


def test_an_unknown_tier_names_those_there_are() -> None:
    bars = random_bars(211, seed=1)
    with pytest.raises(ConfigError, match=r"expected one of a20, .*; got 'a21'"):
        build_features(bars, "a21")
    with pytest.raises(ConfigError, match="Did you mean a20"):
        to_stationary(bars, "a21")


def test_a_month_with_a_holiday_week_shows_the_last_finished_week() -> None:
    # November 2023: Thursday 23rd is Thanksgiving, Friday 24th a session of its week.
    bars = closes(
        [
            *("2023-11-09", "2023-11-10"),
            *("2023-11-13", "2023-11-14", "2023-11-15", "2023-11-16", "2023-11-17"),
            *("2023-11-20", "2023-11-21", "2023-11-22", "2023-11-24"),
            *("2023-11-27", "2023-11-28"),
        ],
        [9, 10, 13, 14, 15, 16, 17, 20, 21, 22, 24, 27, 28],
    )
    nan = np.nan
    expected = [nan, nan, 10, 10, 10, 10, 10, 17, 17, 17, 17, 24, 24]
    np.testing.assert_array_equal(weekly_closes(bars), expected)


def test_a_week_that_ends_on_thursday_is_not_seen_before_monday() -> None:
    # Friday 2024-03-29 was Good Friday: Thursday closed the week, which only Monday knows.
    bars = closes(["2024-03-22", "2024-03-27", "2024-03-28", "2024-04-01"], [22, 27, 28, 1])
    np.testing.assert_array_equal(weekly_closes(bars), [np.nan, 22, 22, 28])


def test_a_week_without_sessions_is_passed_over() -> None:
    bars = closes(
        ["2001-09-07", "2001-09-10", "2001-09-24", "2001-09-30", "2001-10-01"], [1, 2, 3, 4, 5]
    )
    np.testing.assert_array_equal(weekly_closes(bars), [np.nan, 1, 2, 2, 4])


def test_weeks_begin_on_monday_before_1970_too() -> None:
    bars = closes(["1969-12-28", "1969-12-29", "1970-01-04", "1970-01-05"], [1, 2, 3, 4])
    np.testing.assert_array_equal(weekly_closes(bars), [np.nan, 1, 1, 3])


def test_a_market_that_stands_still_has_finite_features() -> None:
    bars = random_bars(307, seed=5)
    bars.loc[bars.index[220:], ["open", "high", "low", "close"]] = 100.0
    bars.loc[bars.index[220:], "volume"] = 0.0
    features = build_features(bars, "a20")
    last = features.iloc[-1]
    assert (last["bb_percent_b"], last["vwap_20"]) == (0.5, 100.0)
    assert np.isfinite(to_stationary(features, "a20").to_numpy()[199:]).all()


def test_a_market_that_reports_no_volume_has_finite_features() -> None:
    bars = random_bars(307, seed=6).assign(volume=0.0)
    features = build_features(bars, "a20")
    mean = bars["close"].iloc[-20:].mean()
    assert features["vwap_20"].iat[-1] == pytest.approx(mean, rel=1e-14)
    stationary = to_stationary(features, "a20")[199:]
    assert np.isfinite(stationary.to_numpy()).all()
    assert (stationary[["volume", "obv", "adosc"]] == 0.0).all(axis=None)


def test_trailing_sum_forgets_a_large_value_wholly() -> None:
    sums = trailing_sum(np.array([1e17, 3.0, 0.0, 0.0, 5.0]), 2)
    np.testing.assert_array_equal(sums, [np.nan, 1e17, 3.0, 0.0, 5.0])


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(201, 331),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**16),
    horizon=st.sampled_from([1, 3, 7]),
)
def test_bars_after_a_date_change_nothing_at_or_before_it(
    n: int, share: float, seed: int, horizon: int
) -> None:
    bars = random_bars(n, seed)
    t = int(share * (n - 1))
    other = random_bars(n, seed + 1) * 3.0
    altered = pd.concat([bars.iloc[: t + 1], other.iloc[t + 1 :]])
    before, after = build_features(bars, "a20"), build_features(altered, "a20")
    pd.testing.assert_frame_equal(before[: t + 1], after[: t + 1], check_exact=True)
    before, after = to_stationary(before, "a20"), to_stationary(after, "a20")
    pd.testing.assert_frame_equal(before[: t + 1], after[: t + 1], check_exact=True)
    known = max(t + 1 - horizon, 0)
    labels = make_labels(bars, "threshold_2pct", horizon)[:known]
    assert labels.equals(make_labels(altered, "threshold_2pct", horizon)[:known])
    assert labels.notna().all()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(241, 331), share=st.floats(0, 1), seed=st.integers(0, 2**16))
def test_bars_cut_off_after_a_date_change_nothing_before_it(
    n: int, share: float, seed: int
) -> None:
    bars = random_bars(n, seed)
    t = 199 + int(share * (n - 200))
    whole = to_stationary(build_features(bars, "a20"), "a20")
    cut = to_stationary(build_features(bars.iloc[: t + 1], "a20"), "a20")
    pd.testing.assert_frame_equal(whole[: t + 1], cut, check_exact=True, check_freq=False)


@settings(max_examples=20, deadline=None)
@given(train_last=st.integers(230, 260), later=st.integers(0, 60), seed=st.integers(0, 2**16))
def test_bars_after_the_training_part_change_no_scaled_window_before_them(
    train_last: int, later: int, seed: int
) -> None:
    bars, length = random_bars(331, seed), 13
    t = train_last + later
    altered = pd.concat([bars.iloc[: t + 1], (random_bars(331, seed + 1) * 7.0).iloc[t + 1 :]])
    windows = [scaled_windows(table, train_last, t, length) for table in (bars, altered)]
    assert windows[0].shape == (t - 210, length, 25)
    np.testing.assert_array_equal(windows[0], windows[1])


def scaled_windows(
    bars: pd.DataFrame, train_last: int, last: int, length: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    inputs = to_stationary(build_features(bars, "a20"), "a20")
    scaler = fit_scaler(inputs, np.arange(199, train_last + 1))
    positions = np.arange(199 + length - 1, last + 1)
    scaled = scaler.transform(inputs.to_numpy())
    return make_samples(scaled, positions, np.zeros(len(bars)), length).all_windows().numpy()
