"""Columns that TA-Lib computes, against pandas-ta-classic's own code and formulas in pandas.

What is expected is read from a column's name, as its user reads it, and not from the table that
the column is made of. The other library does not call TA-Lib here. Averages that start in other
ways have met after two thousand bars: the last bars are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import TIERS
from finscale.dataset.features import build_table
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars
from tests.catalogue import CALLED, CANDLES, kind, numbers

Series = pd.Series  # of float
LAST = 500
LIBRARY = "pandas_ta_classic"
OWN = {"talib": False}
"""Let the other library compute by itself."""


@pytest.fixture(scope="module")
def ta() -> ModuleType:
    return pytest.importorskip(LIBRARY, reason="pandas-ta-classic is not installed")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return validate_bars(bundled_bars("^IXIC"), "^IXIC").iloc[1000:4001]


@pytest.fixture(scope="module")
def features(bars: pd.DataFrame) -> pd.DataFrame:
    return build_table(bars, TIERS["a500"])


# What pandas says itself.


def ema(values: Series, n: int) -> Series:
    return values.ewm(span=n, adjust=False).mean()


def wilder(values: Series, n: int) -> Series:
    return values.ewm(alpha=1 / n, adjust=False).mean()


def line_at(values: Series, n: int, at: int) -> Series:
    """Return where a line fitted to the last n values is at place `at`, counted from the first."""
    places = np.arange(n)
    return values.rolling(n).apply(
        lambda window: np.polyval(np.polyfit(places, window, 1), at), raw=True
    )


def slope(values: Series, n: int) -> Series:
    return line_at(values, n, 1) - line_at(values, n, 0)


def rank(values: Series, n: int) -> Series:
    """Return which percentage of the n values before is lower."""
    return values.rolling(n + 1).apply(lambda w: 100 * (w[:-1] < w[-1]).mean(), raw=True)


def percent_apart(one: Series, other: Series) -> Series:
    return 100 * (one / other - 1)


def sar(ta: ModuleType, b: pd.DataFrame, step: int, most: int) -> Series:
    steps = {"af0": step / 100, "af": step / 100, "max_af": most / 100}
    table = ta.psar(b.high, b.low, **steps, **OWN)
    return table.iloc[:, 0].fillna(table.iloc[:, 1])


def supertrend(ta: ModuleType, b: pd.DataFrame, n: int, multiple: int) -> Series:
    """Return the band that follows the close: it moves with the trend, and never against it."""
    reach = multiple * ta.atr(b.high, b.low, b.close, n, **OWN).to_numpy()
    middle, close = ((b.high + b.low) / 2).to_numpy(), b.close.to_numpy()
    above, below = middle + reach, middle - reach
    found, is_up = np.full(len(close), np.nan), True
    for t in range(n + 1, len(close)):
        if close[t - 1] <= above[t - 1]:
            above[t] = min(above[t], above[t - 1])
        if close[t - 1] >= below[t - 1]:
            below[t] = max(below[t], below[t - 1])
        is_up = close[t] >= below[t] if is_up else close[t] > above[t]
        found[t] = below[t] if is_up else above[t]
    return pd.Series(found, b.index)


def imi(b: pd.DataFrame, n: int) -> Series:
    day = b.close - b.open
    return 100 * day.clip(lower=0).rolling(n).sum() / day.abs().rolling(n).sum()


def smi(b: pd.DataFrame, n: int, fast: int, slow: int) -> Series:
    top, bottom = b.high.rolling(n).max(), b.low.rolling(n).min()
    off = ema(ema((b.close - (top + bottom) / 2).dropna(), slow), fast)
    return 200 * off / ema(ema((top - bottom).dropna(), slow), fast)


def rvi(b: pd.DataFrame, n: int, window: int) -> Series:
    spread, rises = b.close.rolling(window).std(ddof=0), b.close.diff() > 0
    up = wilder((spread * rises).dropna(), n)
    down = wilder((spread * ~rises).dropna(), n)
    return 100 * up / (up + down)


def acceleration(ta: ModuleType, b: pd.DataFrame, fast: int, slow: int, n: int) -> Series:
    oscillator = ta.ao(b.high, b.low, fast, slow)
    return oscillator - oscillator.rolling(n).mean()


def stochrsi(ta: ModuleType, b: pd.DataFrame, rsi: int, n: int, smooth: int) -> pd.DataFrame:
    table: pd.DataFrame = ta.stochrsi(
        b.close, length=n, rsi_length=rsi, k=1, d=smooth, **OWN
    ).reindex(b.index)
    return table


Definition = Callable[..., Series]
DEFINITIONS: dict[str, Definition] = {
    # Averages and lines through prices.
    "sma": lambda ta, b, n: b.close.rolling(n).mean(),
    "ema": lambda ta, b, n: ema(b.close, n),
    "dema": lambda ta, b, n: ta.dema(b.close, n, **OWN),
    "kama": lambda ta, b, n: ta.kama(b.close, n, **OWN),
    "t3": lambda ta, b, n: ta.t3(b.close, n, 0.7, **OWN),
    "hma": lambda ta, b, n: ta.hma(b.close, n),
    "zlema": lambda ta, b, n: ta.zlma(b.close, n),
    "mama": lambda ta, b, fast, slow: ta.mama(b.close, fast / 100, slow / 100, **OWN).iloc[:, 0],
    "midprice": lambda ta, b, n: (b.high.rolling(n).max() + b.low.rolling(n).min()) / 2,
    "slope": lambda ta, b, n: slope(b.close, n),
    "linear_end": lambda ta, b, n: line_at(b.close, n, n - 1),
    "forecast": lambda ta, b, n: line_at(b.close, n, n),
    "fosc": lambda ta, b, n: 100 * (b.close - line_at(b.close, n, n).shift()) / b.close,
    "dpo": lambda ta, b, n: b.close.shift(n // 2 + 1) - b.close.rolling(n).mean(),
    "ht_trendline": lambda ta, b: ta.ht_trendline(b.close, **OWN),
    "sar": sar,
    "supertrend": supertrend,
    # Distances between two averages.
    "sma_gap": lambda ta, b, fast, slow: percent_apart(
        b.close.rolling(fast).mean(), b.close.rolling(slow).mean()
    ),
    "ppo": lambda ta, b, fast, slow: percent_apart(ema(b.close, fast), ema(b.close, slow)),
    "pvo": lambda ta, b, fast, slow: percent_apart(ema(b.volume, fast), ema(b.volume, slow)),
    "macd_line": lambda ta, b: ta.macd(b.close, 12, 26, 9, **OWN).iloc[:, 0],
    "macd_hist": lambda ta, b, fast, slow, n: ta.macd(b.close, fast, slow, n, **OWN).iloc[:, 1],
    "ao": lambda ta, b, fast, slow: ta.ao(b.high, b.low, fast, slow),
    "ac": acceleration,
    "bulls": lambda ta, b, n: b.high - ema(b.close, n),
    # Moves of the close.
    "roc": lambda ta, b, n: percent_apart(b.close, b.close.shift(n)),
    "trix": lambda ta, b, n: ta.trix(b.close, n, **OWN).iloc[:, 0],
    "tsi": lambda ta, b, slow, fast: ta.tsi(b.close, fast=fast, slow=slow).iloc[:, 0],
    "coppock": lambda ta, b, n, fast, slow: ta.coppock(b.close, n, fast, slow),
    "rsi": lambda ta, b, n: ta.rsi(b.close, n, **OWN),
    "rsi_daily": lambda ta, b: ta.rsi(b.close, 14, **OWN),
    "stochrsi_daily": lambda ta, b: stochrsi(ta, b, 14, 5, 3).iloc[:, 0],
    "stochrsi_d": lambda ta, b, rsi, n, smooth: stochrsi(ta, b, rsi, n, smooth).iloc[:, 1],
    "cmo": lambda ta, b, n: ta.cmo(b.close, n, **OWN),
    "efficiency": lambda ta, b, n: b.close.diff(n).abs() / b.close.diff().abs().rolling(n).sum(),
    "percent_rank": lambda ta, b, n: rank(b.close, n),
    "avgdev": lambda ta, b, n: b.close.rolling(n).apply(
        lambda window: np.abs(window - window.mean()).mean(), raw=True
    ),
    "rvi": lambda ta, b, n, window: rvi(b, n, window),
    "ht_period": lambda ta, b: ta.ht_dcperiod(b.close, **OWN),
    "ht_sine": lambda ta, b: ta.ht_sine(b.close, **OWN).iloc[:, 0],
    "ht_leadsine": lambda ta, b: ta.ht_sine(b.close, **OWN).iloc[:, 1],
    "ht_inphase": lambda ta, b: ta.ht_phasor(b.close, **OWN).iloc[:, 0],
    "ht_quadrature": lambda ta, b: ta.ht_phasor(b.close, **OWN).iloc[:, 1],
    # Within the day, or from high to low.
    "qstick": lambda ta, b, n: (b.close - b.open).rolling(n).mean(),
    "imi": lambda ta, b, n: imi(b, n),
    "true_range": lambda ta, b: ta.true_range(b.high, b.low, b.close, **OWN),
    "atr": lambda ta, b, n: ta.atr(b.high, b.low, b.close, n, **OWN),
    "adx": lambda ta, b, n: ta.adx(b.high, b.low, b.close, n, **OWN).iloc[:, 0],
    "adxr": lambda ta, b, n: ta.adxr(b.high, b.low, b.close, n, **OWN).iloc[:, 0],
    "dx": lambda ta, b, n: ta.dx(b.high, b.low, b.close, n, **OWN),
    "plus_di": lambda ta, b, n: ta.adx(b.high, b.low, b.close, n, **OWN).iloc[:, 1],
    "minus_di": lambda ta, b, n: ta.adx(b.high, b.low, b.close, n, **OWN).iloc[:, 2],
    "aroon_up": lambda ta, b, n: ta.aroon(b.high, b.low, n, **OWN).iloc[:, 1],
    "aroon_down": lambda ta, b, n: ta.aroon(b.high, b.low, n, **OWN).iloc[:, 0],
    "cci": lambda ta, b, n: ta.cci(b.high, b.low, b.close, n, **OWN),
    "willr": lambda ta, b, n: ta.willr(b.high, b.low, b.close, n, **OWN),
    "ultosc": lambda ta, b, *ns: ta.uo(b.high, b.low, b.close, *ns, **OWN),
    "stoch_d": lambda ta, b, n, d: ta.stoch(b.high, b.low, b.close, n, d, 3, **OWN).iloc[:, 1],
    "kdj_j": lambda ta, b, n, smooth: ta.kdj(b.high, b.low, b.close, n, smooth).iloc[:, 2],
    "smi": lambda ta, b, n, fast, slow: smi(b, n, fast, slow),
    "massi": lambda ta, b, fast, slow: ta.massi(b.high, b.low, fast, slow),
    "cvi": lambda ta, b, n, _: ta.cvi(b.high, b.low, n),
    "vortex_up": lambda ta, b, n: ta.vortex(b.high, b.low, b.close, n).iloc[:, 0],
    "vortex_down": lambda ta, b, n: ta.vortex(b.high, b.low, b.close, n).iloc[:, 1],
    # With the volume.
    "obv": lambda ta, b: ta.obv(b.close, b.volume, **OWN),
    "adosc": lambda ta, b, fast=3, slow=10: ta.adosc(
        b.high, b.low, b.close, b.volume, fast=fast, slow=slow, **OWN
    ),
    "mfi": lambda ta, b, n: ta.mfi(b.high, b.low, b.close, b.volume, n, **OWN),
    "efi": lambda ta, b, n: ema(b.close.diff() * b.volume, n),
    "volume_rank": lambda ta, b, n: rank(b.volume, n),
}


@pytest.mark.parametrize("name", CALLED)
def test_a_column_is_what_its_name_says(
    name: str, ta: ModuleType, bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    expected = DEFINITIONS[kind(name)](ta, bars, *numbers(name)).to_numpy()[-LAST:]
    size = np.abs(expected).max()
    ours = features[name].to_numpy()[-LAST:]
    np.testing.assert_allclose(ours / size, expected / size, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("ta")
@pytest.mark.parametrize("name", CANDLES)
def test_a_candle_is_found_where_the_other_library_finds_it(
    name: str, bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    pattern = f"cdl_{kind(name).removeprefix('candle_')}"
    find = getattr(import_module(f"{LIBRARY}.candles.{pattern}"), pattern)
    window = (numbers(name) or [1])[0]
    found = find(bars.open, bars.high, bars.low, bars.close) / 100
    assert found.any(), "a pattern that never comes compares nothing"
    expected = found.rolling(window).mean().to_numpy()[-2 * LAST :]
    np.testing.assert_allclose(features[name][-2 * LAST :], expected, rtol=0, atol=1e-12)


def test_most_columns_are_talibs_and_each_kind_has_a_definition() -> None:
    assert len(CALLED) > 150 and len(CANDLES) > 30
    assert {kind(name) for name in CALLED} == set(DEFINITIONS)
