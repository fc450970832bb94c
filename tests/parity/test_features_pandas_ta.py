"""Tier a20 on real bars against pandas-ta-classic's own code, which does not call TA-Lib here.

It starts its averages as TA-Lib does, so that every indicator can be compared from the first row
after the warm-up; none needs an exception. The five channels are the bars themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import TIERS, WARMUP_ROWS, build_features
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars

WARM = WARMUP_ROWS["a20"]
CLOSE_TO = 1e-9
Calculation = Callable[[ModuleType, pd.DataFrame], "pd.Series[float]"]


def weekly(bars: pd.DataFrame) -> pd.Series[float]:
    return bars["close"].resample("W-SUN").last().dropna()


def seen_daily(values: pd.Series[float], bars: pd.DataFrame) -> pd.Series[float]:
    """Give each session the value of the last Sunday before it."""
    return values.reindex(bars.index - pd.Timedelta(days=1), method="ffill").set_axis(bars.index)


def stochastic_rsi(ta: ModuleType, close: pd.Series[float]) -> pd.Series[float]:
    table = ta.stochrsi(close, length=5, rsi_length=14, k=1, d=3, talib=False)
    return table.iloc[:, 0].reindex(close.index)


def dema(period: int, ta: ModuleType, bars: pd.DataFrame) -> pd.Series[float]:
    return ta.dema(bars["close"], period, talib=False)


def sma(period: int, ta: ModuleType, bars: pd.DataFrame) -> pd.Series[float]:
    return ta.sma(bars["close"], period, talib=False)


THEIRS: dict[str, Calculation] = {
    **{f"dema_{n}": partial(dema, n) for n in (9, 10, 20, 25, 90)},
    **{f"sma_{n}": partial(sma, n) for n in (12, 50, 100, 200)},
    "rsi_daily": lambda ta, b: ta.rsi(b["close"], 14, talib=False),
    "rsi_weekly": lambda ta, b: seen_daily(ta.rsi(weekly(b), 14, talib=False), b),
    "stochrsi_daily": lambda ta, b: stochastic_rsi(ta, b["close"]),
    "stochrsi_weekly": lambda ta, b: seen_daily(stochastic_rsi(ta, weekly(b)), b),
    "macd_line": lambda ta, b: ta.macd(b["close"], 12, 26, 9, talib=False).iloc[:, 0],
    "obv": lambda ta, b: ta.obv(b["close"], b["volume"], talib=False),
    "adosc": lambda ta, b: ta.adosc(
        b["high"], b["low"], b["close"], b["volume"], fast=3, slow=10, talib=False
    ),
    "atr_14": lambda ta, b: ta.atr(b["high"], b["low"], b["close"], 14, talib=False),
    "adx_14": lambda ta, b: ta.adx(b["high"], b["low"], b["close"], 14, talib=False).iloc[:, 0],
    "bb_percent_b": lambda ta, b: ta.bbands(b["close"], 20, 2, talib=False).iloc[:, 4],
    "vwap_20": lambda ta, b: ta.vwma(b["close"], b["volume"], 20),
}


@pytest.fixture(scope="module")
def ta() -> ModuleType:
    return pytest.importorskip("pandas_ta_classic", reason="pandas-ta-classic is not installed")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return validate_bars(bundled_bars("^GSPC"), "^GSPC").iloc[1000:2201]


@pytest.fixture(scope="module")
def features(bars: pd.DataFrame) -> pd.DataFrame:
    return build_features(bars, "a20")


@pytest.mark.parametrize("name", THEIRS)
def test_feature_agrees(
    name: str, ta: ModuleType, bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    theirs = THEIRS[name](ta, bars).to_numpy()[WARM:]
    ours = features[name].to_numpy()[WARM:]
    size = np.abs(ours).max()
    np.testing.assert_allclose(theirs / size, ours / size, rtol=0, atol=CLOSE_TO)


def test_every_indicator_is_compared() -> None:
    indicators = {feature.name for feature in TIERS["a20"] if feature.group != "price"}
    assert indicators == set(THEIRS)
