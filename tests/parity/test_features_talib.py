"""Tier a20 on real bars against TA-Lib called directly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib

from finscale.dataset import WARMUP_ROWS, build_features
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars

WARM = WARMUP_ROWS["a20"]
DIRECT = {
    **{f"dema_{n}": (lambda b, n=n: talib.DEMA(b["close"], n)) for n in (9, 10, 20, 25, 90)},
    **{f"sma_{n}": (lambda b, n=n: talib.SMA(b["close"], n)) for n in (12, 50, 100, 200)},
    "rsi_daily": lambda b: talib.RSI(b["close"], 14),
    "stochrsi_daily": lambda b: talib.STOCHRSI(b["close"], 14, 5, 3, 0)[0],
    "macd_line": lambda b: talib.MACD(b["close"], 12, 26, 9)[0],
    "obv": lambda b: talib.OBV(b["close"], b["volume"]),
    "adosc": lambda b: talib.ADOSC(b["high"], b["low"], b["close"], b["volume"], 3, 10),
    "atr_14": lambda b: talib.ATR(b["high"], b["low"], b["close"], 14),
    "adx_14": lambda b: talib.ADX(b["high"], b["low"], b["close"], 14),
    "open": lambda b: b["open"],
    "high": lambda b: b["high"],
    "low": lambda b: b["low"],
    "close": lambda b: b["close"],
    "volume": lambda b: b["volume"],
}


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return validate_bars(bundled_bars("^IXIC"), "^IXIC").iloc[:1201]


@pytest.fixture(scope="module")
def features(bars: pd.DataFrame) -> pd.DataFrame:
    return build_features(bars, "a20")


@pytest.mark.parametrize("name", DIRECT)
def test_daily_feature_is_talibs_own(name: str, bars: pd.DataFrame, features: pd.DataFrame) -> None:
    np.testing.assert_array_equal(features[name], DIRECT[name](bars))


def test_percent_b_is_talibs_bands(bars: pd.DataFrame, features: pd.DataFrame) -> None:
    upper, _, lower = talib.BBANDS(bars["close"], 20, 2, 2, 0)
    expected = (bars["close"] - lower) / (upper - lower)
    np.testing.assert_array_equal(features["bb_percent_b"], expected)


def test_vwap_is_talibs_sums(bars: pd.DataFrame, features: pd.DataFrame) -> None:
    traded = talib.SUM(bars["close"] * bars["volume"], 20)
    expected = traded / talib.SUM(bars["volume"], 20)
    np.testing.assert_allclose(features["vwap_20"][WARM:], expected[WARM:], rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "indicator"),
    [
        ("rsi_weekly", lambda close: talib.RSI(close, 14)),
        ("stochrsi_weekly", lambda close: talib.STOCHRSI(close, 14, 5, 3, 0)[0]),
    ],
)
def test_weekly_feature_is_talib_on_resampled_closes(
    name: str, indicator: object, bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    weekly = bars["close"].resample("W-SUN").last().dropna()
    values = pd.Series(indicator(weekly.to_numpy()), index=weekly.index)  # type: ignore[operator]
    # The latest Sunday that lies before the session ends the last finished week.
    seen = values.reindex(bars.index - pd.Timedelta(days=1), method="ffill")
    np.testing.assert_array_equal(features[name], seen)


def test_every_column_is_covered_here(features: pd.DataFrame) -> None:
    others = {"bb_percent_b", "vwap_20", "rsi_weekly", "stochrsi_weekly"}
    assert set(features.columns) == set(DIRECT) | others
