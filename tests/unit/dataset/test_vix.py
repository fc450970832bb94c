"""The VIX tier by hand, and its joining to the sessions of a ticker."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.dataset.features import build_table
from finscale.dataset.joining import check_overlap, join_known
from finscale.dataset.normalise import stationary_table
from finscale.dataset.vix import VIX

NAMES = [feature.name for feature in VIX]


def flat(closes: np.ndarray, start: str = "2014-01-02") -> pd.DataFrame:
    index = pd.bdate_range(start, periods=len(closes), name="date", unit="us")
    columns = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pd.DataFrame({**columns, "volume": 0.0}, index=index)


def natural(closes: np.ndarray) -> pd.DataFrame:
    return build_table(flat(closes), VIX)


def test_the_eight_columns_and_their_warm_up() -> None:
    assert NAMES == [
        *("vix_close", "vix_sma_10", "vix_sma_20", "vix_percentile_60", "vix_zscore_20"),
        *("vix_regime", "vix_change_1", "vix_change_5"),
    ]
    table = natural(np.linspace(11.0, 31.0, 67))
    assert max(feature.warmup for feature in VIX) == 59
    for feature in VIX:
        column = table[feature.name].to_numpy()
        assert np.isnan(column[: feature.warmup]).all(), feature.name
        assert np.isfinite(column[feature.warmup :]).all(), feature.name


def test_every_column_by_hand() -> None:
    # 61 closes: 10, 11, … 70; the last is replaced by 30.5.
    closes = np.arange(10.0, 71.0)
    closes[-1] = 30.5
    last = natural(closes).iloc[-1]
    window = np.r_[np.arange(51.0, 70.0), 30.5]
    mean = window.sum() / 20
    deviation = np.sqrt(((window - mean) ** 2).sum() / 19)
    assert last["vix_close"] == 30.5
    assert last["vix_sma_10"] == pytest.approx((np.arange(61.0, 70.0).sum() + 30.5) / 10)
    assert last["vix_sma_20"] == pytest.approx(mean)
    # Of 11 … 69, twenty lie below 30.5: 11 to 30.
    assert last["vix_percentile_60"] == pytest.approx(100 * 20 / 59)
    assert last["vix_zscore_20"] == pytest.approx((30.5 - mean) / deviation)
    assert last["vix_change_1"] == pytest.approx(100 * (30.5 / 69 - 1))
    assert last["vix_change_5"] == pytest.approx(100 * (30.5 / 65 - 1))


def test_equal_values_are_not_below_and_do_not_deviate() -> None:
    last = natural(np.full(60, 17.1)).iloc[-1]
    assert last["vix_percentile_60"] == 0.0 and last["vix_zscore_20"] == 0.0
    assert natural(np.arange(1.0, 61.0)).iloc[-1]["vix_percentile_60"] == 100.0


def test_regimes_begin_at_15_and_25() -> None:
    closes = np.array([9.0, 14.99, 15.0, 24.99, 25.0, 80.0])
    assert natural(closes)["vix_regime"].to_list() == [0, 0, 1, 1, 2, 2]


def test_inputs_are_without_unit() -> None:
    bars = flat(np.linspace(11.0, 31.0, 67))
    table = build_table(bars, VIX)
    inputs = stationary_table(table, VIX, bars["close"], bars["volume"])
    assert inputs["vix_close"].iat[-1] == 0.31
    assert inputs["vix_sma_10"].iat[-1] == table["vix_sma_10"].iat[-1] / 31.0 - 1.0
    assert inputs["vix_change_5"].iat[-1] == table["vix_change_5"].iat[-1] / 100
    assert inputs["vix_zscore_20"].iat[-1] == table["vix_zscore_20"].iat[-1]


def stationary(closes: np.ndarray) -> pd.DataFrame:
    bars = flat(closes)
    return stationary_table(natural(closes), VIX, bars["close"], bars["volume"])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), cut=st.integers(1, 156))
def test_later_closes_change_nothing_before_them(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    closes = np.exp(rng.normal(2.9, 0.3, 157))
    altered = np.r_[closes[:cut], 7.0 * closes[cut:][::-1]]
    for make in (natural, stationary):
        pd.testing.assert_frame_equal(make(closes)[:cut], make(altered)[:cut], check_exact=True)


def test_a_session_sees_the_latest_value_and_none_after_it() -> None:
    series = flat(np.array([11.0, 12.0, 13.0, 14.0]), "2024-01-02").drop(pd.Timestamp("2024-01-04"))
    index = pd.DatetimeIndex(["2024-01-01", "2024-01-03", "2024-01-04", "2024-01-09"])
    joined = join_known(series, index)
    np.testing.assert_array_equal(joined["close"], [np.nan, 12.0, 12.0, 14.0])


SESSIONS = pd.bdate_range("2024-01-01", periods=23, unit="us")


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (slice(1, None), "got 2024-01-02 to 2024-01-31, nothing at 2024-01-01"),
        (slice(None, 17), "got 2024-01-01 to 2024-01-23, nothing new by 2024-01-31"),
    ],
)
def test_a_series_that_does_not_cover_the_sessions_is_refused(kept: slice, said: str) -> None:
    series = flat(np.ones(23), "2024-01-01")[kept]
    with pytest.raises(DataError, match="the VIX: expected values from 2024-01-01 to 2024-01-31"):
        check_overlap(series, SESSIONS, "the VIX")
    with pytest.raises(DataError, match=said):
        check_overlap(series, SESSIONS, "the VIX")


def test_five_missing_sessions_are_borne() -> None:
    series = flat(np.ones(23), "2024-01-01").drop(SESSIONS[7:12])
    check_overlap(series, SESSIONS, "the VIX")
    assert join_known(series, SESSIONS).notna().all(axis=None)
    with pytest.raises(DataError, match="nothing new by 2024-01-17"):
        check_overlap(series.drop(SESSIONS[12]), SESSIONS, "the VIX")
