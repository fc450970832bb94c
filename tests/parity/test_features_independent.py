"""Tier a20 on real bars against the indicators' definitions, written anew in numpy and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from finscale.dataset import WARMUP_ROWS, build_features, to_stationary
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars

WARM = WARMUP_ROWS["a20"]
FloatArray = NDArray[np.float64]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return validate_bars(bundled_bars("^GSPC"), "^GSPC").iloc[1500:2311]


@pytest.fixture(scope="module")
def features(bars: pd.DataFrame) -> pd.DataFrame:
    return build_features(bars, "a20")


def smoothed(values: FloatArray, weight: float, first: int, seed: float) -> FloatArray:
    """Give y[t] = y[t-1] + weight (x[t] - y[t-1]) from y[first] = seed."""
    result = np.full(len(values), np.nan)
    result[first] = seed
    for t in range(first + 1, len(values)):
        result[t] = result[t - 1] + weight * (values[t] - result[t - 1])
    return result


def ema(values: FloatArray, period: int, first: int | None = None) -> FloatArray:
    """Exponential average that starts, at row `first`, from the mean of the period before."""
    start = int(np.isnan(values).sum())
    first = start + period - 1 if first is None else first
    seed = float(values[first - period + 1 : first + 1].mean())
    return smoothed(values, 2.0 / (period + 1), first, seed)


def wilder(values: FloatArray, period: int, first: int) -> FloatArray:
    """Wilder's average, from the mean of the `period` values that end at row `first`."""
    seed = float(values[first - period + 1 : first + 1].mean())
    return smoothed(values, 1.0 / period, first, seed)


def dema(close: FloatArray, period: int) -> FloatArray:
    once = ema(close, period)
    return 2 * once - ema(once, period)


def rsi(close: FloatArray, period: int = 14) -> FloatArray:
    change = np.diff(close, prepend=close[0])
    gain = wilder(np.maximum(change, 0), period, period)
    loss = wilder(np.maximum(-change, 0), period, period)
    return 100 * gain / (gain + loss)


def stochrsi(close: FloatArray) -> FloatArray:
    strength = pd.Series(rsi(close))
    low, high = strength.rolling(5).min(), strength.rolling(5).max()
    return ((strength - low) / (high - low) * 100).where(high > low, 0.0).to_numpy()


def true_range(bars: pd.DataFrame) -> FloatArray:
    previous = bars["close"].shift()
    spans = [bars["high"] - bars["low"], bars["high"] - previous, previous - bars["low"]]
    return pd.concat([span.abs() for span in spans], axis=1).max(axis=1).to_numpy()


def adx(bars: pd.DataFrame, period: int = 14) -> FloatArray:
    """Wilder's sums start from period - 1 values and lose 1/period of themselves each bar."""
    up, down = bars["high"].diff().to_numpy(), -bars["low"].diff().to_numpy()
    rise = np.where((up > down) & (up > 0), up, 0.0)
    fall = np.where((down > up) & (down > 0), down, 0.0)
    totals = [wilder_sum(values, period) for values in (rise, fall, true_range(bars))]
    plus, minus = 100 * totals[0] / totals[2], 100 * totals[1] / totals[2]
    dx = 100 * np.abs(plus - minus) / (plus + minus)
    return wilder(dx, period, 2 * period - 1)


def wilder_sum(values: FloatArray, period: int) -> FloatArray:
    total = float(values[1:period].sum())
    result = np.full(len(values), np.nan)
    for t in range(period, len(values)):
        total = total - total / period + values[t]
        result[t] = total
    return result


def adosc(bars: pd.DataFrame) -> FloatArray:
    span = bars["high"] - bars["low"]
    place = (2 * bars["close"] - bars["low"] - bars["high"]) / span.where(span > 0, 1.0)
    line = (place.where(span > 0, 0.0) * bars["volume"]).cumsum().to_numpy()
    fast, slow = (smoothed(line, 2.0 / (n + 1), 0, float(line[0])) for n in (3, 10))
    return fast - slow


def macd(close: FloatArray) -> FloatArray:
    # TA-Lib starts both averages at the row where the slow one has its first value.
    return ema(close, 12, first=25) - ema(close, 26)


def percent_b(close: pd.Series[float]) -> FloatArray:
    middle, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    return ((close - (middle - 2 * deviation)) / (4 * deviation)).to_numpy()


def weekly(bars: pd.DataFrame, indicator: object) -> FloatArray:
    """Walk from session to session and note the value when a Monday has passed."""
    monday = bars.index - pd.to_timedelta(bars.index.day_of_week, unit="D")
    closes = bars["close"].groupby(monday).last()
    values = dict(zip(closes.index, indicator(closes.to_numpy()), strict=True))  # type: ignore[operator]
    earlier = dict(zip(closes.index[1:], closes.index[:-1], strict=True))
    return np.array([values.get(earlier.get(day), np.nan) for day in monday])


def independent(bars: pd.DataFrame) -> dict[str, FloatArray]:
    close = bars["close"].to_numpy()
    moves = np.sign(bars["close"].diff().fillna(1.0))
    columns = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    columns |= {f"dema_{n}": dema(close, n) for n in (9, 10, 20, 25, 90)}
    columns |= {f"sma_{n}": bars["close"].rolling(n).mean().to_numpy() for n in (12, 50, 100, 200)}
    traded = (bars["close"] * bars["volume"]).rolling(20).sum()
    return columns | {
        "rsi_daily": rsi(close),
        "rsi_weekly": weekly(bars, rsi),
        "stochrsi_daily": stochrsi(close),
        "stochrsi_weekly": weekly(bars, stochrsi),
        "macd_line": macd(close),
        "obv": (moves * bars["volume"]).cumsum().to_numpy(),
        "adosc": adosc(bars),
        "atr_14": wilder(true_range(bars), 14, 14),
        "adx_14": adx(bars),
        "bb_percent_b": percent_b(bars["close"]),
        "vwap_20": (traded / bars["volume"].rolling(20).sum()).to_numpy(),
    }


def test_every_feature_agrees_with_its_definition(
    bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    expected = independent(bars)
    assert set(features.columns) == set(expected)
    for name in features.columns:
        ours, theirs = features[name].to_numpy()[WARM:], expected[name][WARM:]
        size = np.abs(theirs).max()
        np.testing.assert_allclose(ours / size, theirs / size, rtol=0, atol=1e-9, err_msg=name)


def test_every_stationary_feature_agrees_with_its_rule(
    bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    close, mean = bars["close"], bars["volume"].rolling(20).mean()
    expected = features.div(close, axis=0) - 1
    expected["close"] = np.log(close).diff()
    expected["volume"] = np.log(bars["volume"]) - np.log(mean)
    expected["obv"] = features["obv"].diff() / mean
    expected["adosc"] = features["adosc"] / mean
    for name in ("atr_14", "macd_line"):
        expected[name] = features[name] / close
    for name in ("rsi_daily", "rsi_weekly", "stochrsi_daily", "stochrsi_weekly", "adx_14"):
        expected[name] = features[name] / 100
    expected["bb_percent_b"] = features["bb_percent_b"]
    ours = to_stationary(features, "a20")[WARM:]
    pd.testing.assert_frame_equal(ours, expected[WARM:], rtol=0, atol=1e-9)
