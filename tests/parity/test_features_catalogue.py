"""The catalogue on real bars: formulas that are not TA-Lib's alone, written anew in pandas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import TIERS
from finscale.dataset.features import build_table
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars
from tests.catalogue import A500, CALLED, CANDLES, kind

ta = pytest.importorskip("pandas_ta_classic", reason="pandas-ta-classic is not installed")

Series = pd.Series  # of float


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return validate_bars(bundled_bars("^IXIC"), "^IXIC").iloc[2000:2701]


@pytest.fixture(scope="module")
def features(bars: pd.DataFrame) -> pd.DataFrame:
    return build_table(bars, TIERS["a500"])


def returns(b: pd.DataFrame) -> Series:
    return np.log(b["close"]).diff()


def logs(values: Series) -> Series:
    return np.log(values)


def span(b: pd.DataFrame) -> Series:
    return np.log(b["high"] / b["low"])


def true_range(b: pd.DataFrame) -> Series:
    before = b["close"].shift()
    top = pd.concat([b["high"], before], axis=1).max(axis=1)
    bottom = pd.concat([b["low"], before], axis=1).min(axis=1)
    return (top - bottom).where(before.notna())


def place(b: pd.DataFrame) -> Series:
    return (2 * b["close"] - b["high"] - b["low"]) / (b["high"] - b["low"])


def relative_volume(b: pd.DataFrame) -> Series:
    return b["volume"] / b["volume"].rolling(20).mean()


def deviation(values: Series, n: int) -> Series:
    return values.rolling(n).std(ddof=0)


def root_mean_square(values: Series, n: int) -> Series:
    return np.sqrt((values**2).rolling(n).mean())


def parkinson(b: pd.DataFrame, n: int) -> Series:
    return root_mean_square(span(b) / np.sqrt(4 * np.log(2)), n)


def rogers_satchell(b: pd.DataFrame) -> Series:
    high, low, close = (np.log(b[name] / b["open"]) for name in ("high", "low", "close"))
    return high * (high - close) + low * (low - close)


def yang_zhang(b: pd.DataFrame, n: int) -> Series:
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    night, day = np.log(b["open"] / b["close"].shift()), np.log(b["close"] / b["open"])
    within = (1 - k) * rogers_satchell(b).rolling(n).mean()
    return np.sqrt(night.rolling(n).var(ddof=0) + k * day.rolling(n).var(ddof=0) + within)


def garman_klass(b: pd.DataFrame, n: int) -> Series:
    day = np.log(b["close"] / b["open"])
    return np.sqrt((0.5 * span(b) ** 2 - (2 * np.log(2) - 1) * day**2).rolling(n).mean())


def corwin_schultz(b: pd.DataFrame, n: int) -> Series:
    both = np.log(b["high"].rolling(2).max() / b["low"].rolling(2).min())
    beta = (span(b) ** 2).rolling(2).sum()
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(both**2 / k)
    spread = 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))
    return spread.clip(lower=0).rolling(n).mean()


def correlation(one: Series, other: Series, n: int) -> Series:
    return one.rolling(n).corr(other)


def with_time(values: Series, n: int) -> Series:
    return correlation(values, pd.Series(np.arange(len(values)) * 1.0, values.index), n)


def entropy(labels: Series, n: int, kinds: int) -> Series:
    total = pd.Series(0.0, labels.index)
    for label in labels.dropna().unique():
        share = flags(labels == label, labels).rolling(n).mean()
        total -= share * np.log(share.where(share > 0, 1.0))
    return total / np.log(kinds)


def facilitation(b: pd.DataFrame, n: int) -> Series:
    size = span(b) / relative_volume(b)
    return size / size.rolling(n).mean()


def sign_pairs(b: pd.DataFrame) -> Series:
    up = (returns(b) > 0).where(returns(b).notna()).astype(float)
    return 2 * up + up.shift()


def orders(b: pd.DataFrame) -> Series:
    """Number the order of three closes by the places of the lowest and the highest."""
    window = b["close"].rolling(3)
    return window.apply(lambda three: 3.0 * np.argmin(three) + np.argmax(three), raw=True)


def since(values: Series, n: int, best: Callable[[np.ndarray], int]) -> Series:  # type: ignore[type-arg]
    behind = values.rolling(n).apply(lambda window: n - 1 - best(window), raw=True)
    return behind / (n - 1)


def flags(condition: Series, known: Series) -> Series:
    return condition.astype(float).where(known.notna())


def streak(b: pd.DataFrame) -> Series:
    sign = np.sign(b["close"].diff())
    runs = (sign != sign.shift()).cumsum()
    return (sign * (sign.groupby(runs).cumcount() + 1)).clip(-10, 10)


def keltner_place(b: pd.DataFrame) -> Series:
    # TA-Lib's channel starts its average where the true range has its first value.
    typical = ((b["high"] + b["low"] + b["close"]) / 3).iloc[1:]
    middle, size = ta.ema(typical, 20, talib=False), ta.atr(*hlc(b), 20, talib=False)
    return (b["close"] - middle + 2 * size) / (4 * size)


def macd_hist(close: Series, fast: int, slow: int, n: int) -> Series:
    # TA-Lib starts both averages at the row where the slow one has its first value.
    quick, calm = (ta.ema(close.iloc[slow - m :], m, talib=False) for m in (fast, slow))
    line = (quick - calm).dropna()
    return line - ta.ema(line, n, talib=False)


def heikin_ashi(b: pd.DataFrame) -> Series:
    close = b[["open", "high", "low", "close"]].mean(axis=1)
    opening = [(b["open"].iloc[0] + b["close"].iloc[0]) / 2]
    for value in close.iloc[:-1]:
        opening.append((opening[-1] + value) / 2)
    return close - opening


def hlc(b: pd.DataFrame) -> tuple[Series, Series, Series]:
    return b["high"], b["low"], b["close"]


def enriched(b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return bars and weeks, each with what many formulas are made of."""
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    weeks = b.resample("W-SUN").agg(how).dropna()  # type: ignore[arg-type]
    first, second = (
        table.assign(
            r=returns(table),
            wide=span(table),
            tr=true_range(table),
            rv=relative_volume(table),
            lv=np.log(table["volume"]),
        )
        for table in (b, weeks)
    )
    return first, second


def shown(values: Series, b: pd.DataFrame) -> Series:
    """Give each session the value of the last Sunday before it."""
    return values.reindex(b.index - pd.Timedelta(days=1), method="ffill").set_axis(b.index)


def so_far(b: pd.DataFrame) -> pd.DataFrame:
    week = b.index.to_period("W-SUN")
    return pd.DataFrame(
        {
            "high": b["high"].groupby(week).cummax(),
            "low": b["low"].groupby(week).cummin(),
            "volume": b["volume"].groupby(week).cumsum(),
            "n": b["volume"].groupby(week).cumcount() + 1,
        }
    )


FORMULAS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Series]] = {
    "log_return_5": lambda b, w: logs(b.close / b.close.shift(5)),
    "return_lag_3": lambda b, w: b.r.shift(3),
    "intraday_3": lambda b, w: logs(b.close / b.open).rolling(3).mean(),
    "return_t_60": lambda b, w: b.r.rolling(60).mean() / deviation(b.r, 60) * 60**0.5,
    "momentum_20_5": lambda b, w: logs(b.close.shift(5) / b.close.shift(20)),
    "acceleration_10": lambda b, w: b.r.rolling(10).sum() - b.r.rolling(10).sum().shift(10),
    "vhf_28": lambda b, w: (
        (b.close.rolling(28).max() - b.close.rolling(28).min())
        / b.close.diff().abs().rolling(28).sum()
    ),
    "channel_place_50": lambda b, w: (
        (b.close - b.close.rolling(50).min())
        / (b.close.rolling(50).max() - b.close.rolling(50).min())
    ),
    "time_corr_50": lambda b, w: with_time(logs(b.close), 50),
    "cloud_52_26": lambda b, w: ((b.high.rolling(52).max() + b.low.rolling(52).min()) / 2).shift(
        26
    ),
    "above_sma_20_60": lambda b, w: (
        flags(b.close > b.close.rolling(20).mean(), b.close.rolling(20).mean()).rolling(60).mean()
    ),
    "sma_change_10_5": lambda b, w: b.close.rolling(10).mean().pct_change(5),
    "donchian_width_50": lambda b, w: b.high.rolling(50).max() - b.low.rolling(50).min(),
    "bb_width_20": lambda b, w: 4 * deviation(b.close, 20),
    "realised_20": lambda b, w: deviation(b.r, 20),
    "parkinson_20": lambda b, w: parkinson(b, 20),
    "garman_klass_10": lambda b, w: garman_klass(b, 10),
    "rogers_satchell_5": lambda b, w: np.sqrt(rogers_satchell(b).rolling(5).mean()),
    "yang_zhang_60": lambda b, w: yang_zhang(b, 60),
    "corwin_schultz_20": lambda b, w: corwin_schultz(b, 20),
    "downside_20": lambda b, w: root_mean_square(b.r.clip(upper=0), 20),
    "upside_10": lambda b, w: root_mean_square(b.r.clip(lower=0), 10),
    "down_share_60": lambda b, w: (
        (b.r.clip(upper=0) ** 2).rolling(60).sum() / (b.r**2).rolling(60).sum()
    ),
    "realised_ratio_5_20": lambda b, w: logs(
        (deviation(b.r, 5) + 1e-6) / (deviation(b.r, 20) + 1e-6)
    ),
    "range_ratio_5_60": lambda b, w: logs((parkinson(b, 5) + 1e-6) / (parkinson(b, 60) + 1e-6)),
    "range_to_realised_20": lambda b, w: logs(
        (parkinson(b, 20) + 1e-6) / (deviation(b.r, 20) + 1e-6)
    ),
    "overnight_share_250": lambda b, w: (
        logs(b.open / b.close.shift()).abs().rolling(250).sum()
        / (logs(b.open / b.close.shift()).abs() + logs(b.close / b.open).abs()).rolling(250).sum()
    ),
    "vol_of_vol_20_60": lambda b, w: (
        deviation(deviation(b.r, 20), 60) / deviation(b.r, 20).rolling(60).mean()
    ),
    "jump_share_20": lambda b, w: (
        1 - np.pi / 2 * (b.r * b.r.shift()).abs().rolling(20).sum() / (b.r**2).rolling(20).sum()
    ),
    "ulcer_14": lambda b, w: root_mean_square(b.close / b.close.rolling(14).max() - 1, 14),
    "range_to_average_20": lambda b, w: b.tr / b.tr.rolling(20).mean().shift(),
    "choppiness_14": lambda b, w: (
        logs(b.tr.rolling(14).sum() / (b.high.rolling(14).max() - b.low.rolling(14).min()))
        / np.log(14)
    ),
    "volume_ratio_5_20": lambda b, w: logs(
        b.volume.rolling(5).mean() / b.volume.rolling(20).mean()
    ),
    "rvol_50": lambda b, w: logs(b.volume / b.volume.rolling(50).mean().shift()),
    "volume_change_5": lambda b, w: b.lv.diff(5),
    "volume_spread_20": lambda b, w: deviation(b.lv, 20),
    "volume_z_5": lambda b, w: (b.lv - b.lv.rolling(5).mean()) / deviation(b.lv, 5),
    "volume_autocorr_2_60": lambda b, w: correlation(b.lv.diff(), b.lv.diff().shift(2), 60),
    "volume_trend_50": lambda b, w: with_time(b.lv, 50),
    "volume_return_corr_60": lambda b, w: correlation(b.lv.diff(), b.r, 60),
    "volume_size_corr_60": lambda b, w: correlation(b.lv.diff(), b.r.abs(), 60),
    "volume_peak_20": lambda b, w: logs(b.volume.rolling(20).max() / b.volume.rolling(20).mean()),
    "since_volume_high_20": lambda b, w: since(b.volume, 20, np.argmax),
    "up_volume_60": lambda b, w: (
        (b.volume * (b.r > 0)).where(b.r.notna()).rolling(60).sum() / b.volume.rolling(60).sum()
    ),
    "cmf_20": lambda b, w: (place(b) * b.volume).rolling(20).sum() / b.volume.rolling(20).sum(),
    "obv_change_20": lambda b, w: (np.sign(b.r) * b.volume).rolling(20).mean(),
    "nvi_change_10": lambda b, w: (
        b.r.where(b.volume.diff() < 0, 0.0).where(b.r.notna()).rolling(10).mean()
    ),
    "pvi_change_10": lambda b, w: (
        b.r.where(b.volume.diff() > 0, 0.0).where(b.r.notna()).rolling(10).mean()
    ),
    "amihud_20": lambda b, w: (b.r.abs() / b.rv).rolling(20).mean(),
    "ease_of_movement_14": lambda b, w: (
        (logs(np.sqrt(b.high * b.low)).diff() * b.wide / b.rv).rolling(14).mean()
    ),
    "facilitation_20": lambda b, w: facilitation(b, 20),
    "body": lambda b, w: (b.close - b.open) / (b.high - b.low),
    "upper_shadow_20": lambda b, w: (
        ((b.high - b[["open", "close"]].max(axis=1)) / (b.high - b.low)).rolling(20).mean()
    ),
    "lower_shadow_5": lambda b, w: (
        ((b[["open", "close"]].min(axis=1) - b.low) / (b.high - b.low)).rolling(5).mean()
    ),
    "inside_bars_10": lambda b, w: (
        flags((b.high <= b.high.shift()) & (b.low >= b.low.shift()), b.high.shift())
        .rolling(10)
        .mean()
    ),
    "outside_bars_20": lambda b, w: (
        flags((b.high > b.high.shift()) & (b.low < b.low.shift()), b.high.shift())
        .rolling(20)
        .mean()
    ),
    "overlap": lambda b, w: (
        (b.high.rolling(2).min() - b.low.rolling(2).max())
        / (b.high.rolling(2).max() - b.low.rolling(2).min())
    ),
    "breakout_20": lambda b, w: (
        flags(b.close > b.high.rolling(20).max().shift(), b.high.rolling(20).max().shift())
        .sub(flags(b.close < b.low.rolling(20).min().shift(), b.high.rolling(20).max().shift()))
        .rolling(20)
        .mean()
    ),
    "skew_60": lambda b, w: b.r.rolling(60).apply(
        lambda x: ((x - x.mean()) ** 3).mean() / x.std() ** 3, raw=True
    ),
    "kurtosis_60": lambda b, w: b.r.rolling(60).apply(
        lambda x: ((x - x.mean()) ** 4).mean() / x.std() ** 4, raw=True
    ),
    "autocorr_3_60": lambda b, w: correlation(b.r, b.r.shift(3), 60),
    "size_autocorr_2_60": lambda b, w: correlation(b.r.abs(), b.r.abs().shift(2), 60),
    "range_autocorr_1_20": lambda b, w: correlation(b.wide, b.wide.shift(), 20),
    "leverage_60": lambda b, w: correlation(b.r.abs(), b.r.shift(), 60),
    "return_range_corr_250": lambda b, w: correlation(b.r, b.wide, 250),
    "variance_ratio_5_20": lambda b, w: (
        logs(b.close).diff(5).rolling(20).var(ddof=0) / b.r.rolling(20).var(ddof=0) / 5
    ).clip(0, 5),
    "hurst_60": lambda b, w: (
        logs(
            (logs(b.close).rolling(60).max() - logs(b.close).rolling(60).min()) / deviation(b.r, 60)
            + 0.1
        )
        / np.log(60)
    ),
    "sign_entropy_20": lambda b, w: entropy(sign_pairs(b), 20, 4),
    "order_entropy_20": lambda b, w: entropy(orders(b), 20, 6),
    "up_share_20": lambda b, w: flags(b.r > 0, b.r).rolling(20).mean(),
    "large_share_20": lambda b, w: (
        flags(b.r.abs() > deviation(b.r, 60).shift(), deviation(b.r, 60).shift()).rolling(20).mean()
    ),
    "turning_points_20": lambda b, w: flags(b.r * b.r.shift() < 0, b.r.shift()).rolling(20).mean(),
    "return_z_20": lambda b, w: b.r / deviation(b.r, 20).shift(),
    "largest_20": lambda b, w: b.r.rolling(20).max(),
    "tail_balance_20": lambda b, w: (
        (b.r.rolling(20).max() + b.r.rolling(20).min())
        / (b.r.rolling(20).max() - b.r.rolling(20).min())
    ),
    "drawdown_120": lambda b, w: b.close / b.close.rolling(120).max() - 1,
    "since_high_120": lambda b, w: since(b.close, 120, np.argmax),
    "since_low_120": lambda b, w: since(b.close, 120, np.argmin),
    "volatility_rank_20_200": lambda b, w: (
        deviation(b.r, 20).rolling(201).apply(lambda x: 100 * (x[:-1] < x[-1]).mean(), raw=True)
    ),
    "coarse_roc_2": lambda b, w: shown(w.close.pct_change(2), b),
    "coarse_cmf_8": lambda b, w: shown(
        (place(w) * w.volume).rolling(8).sum() / w.volume.rolling(8).sum(), b
    ),
    "coarse_skew_26": lambda b, w: shown(
        w.r.rolling(26).apply(lambda x: ((x - x.mean()) ** 3).mean() / x.std() ** 3, raw=True), b
    ),
    "coarse_low_gap_13": lambda b, w: logs(b.close / shown(w.low.rolling(13).min(), b)),
    "since_coarse_close": lambda b, w: logs(b.close / shown(w.close, b)),
    "place_in_coarse": lambda b, w: (
        (b.close - shown(w.low, b)) / (shown(w.high, b) - shown(w.low, b))
    ),
    "range_so_far": lambda b, w: (
        logs(so_far(b)["high"] / so_far(b)["low"]) / shown(w.wide.rolling(4).mean(), b)
    ),
    "volume_so_far": lambda b, w: logs(
        so_far(b)["volume"] / so_far(b)["n"] / b.volume.rolling(20).mean()
    ),
    "volatility_gap_20_8": lambda b, w: logs(
        (deviation(b.r, 20) + 1e-6) / (shown(deviation(w.r, 8), b) + 1e-6)
    ),
    "ewma_vol_33": lambda b, w: np.sqrt(ta.ema(b.r**2, 33, talib=False)),
    "keltner_place_20": lambda b, w: keltner_place(b),
    "heikin_ashi_1": lambda b, w: heikin_ashi(b),
    "streak": lambda b, w: streak(b),
    "rsi_gap_5": lambda b, w: (
        ta.rsi(b.close, 5, talib=False) - shown(ta.rsi(w.close, 5, talib=False), b)
    ),
    "coarse_streak": lambda b, w: shown(streak(w), b),
    "coarse_cci_14": lambda b, w: shown(ta.cci(*hlc(w), 14, talib=False) / 100, b),
    "coarse_aroon_down_12": lambda b, w: shown(
        ta.aroon(w.high, w.low, 12, talib=False).iloc[:, 0] / 100, b
    ),
    "coarse_aroon_up_12": lambda b, w: shown(
        ta.aroon(w.high, w.low, 12, talib=False).iloc[:, 1] / 100, b
    ),
    "coarse_adx_7": lambda b, w: shown(ta.adx(*hlc(w), 7, talib=False).iloc[:, 0] / 100, b),
    "coarse_efficiency_10": lambda b, w: shown(
        w.close.diff(10).abs() / w.close.diff().abs().rolling(10).sum(), b
    ),
    "coarse_macd_hist_3_10_5": lambda b, w: shown(macd_hist(w.close, 3, 10, 5) / w.close, b),
    "coarse_range_to_realised_8": lambda b, w: shown(
        logs((parkinson(w, 8) + 1e-6) / (deviation(w.r, 8) + 1e-6)), b
    ),
    "coarse_variance_ratio_2_26": lambda b, w: shown(
        logs(w.close).diff(2).rolling(26).var(ddof=0) / w.r.rolling(26).var(ddof=0) / 2, b
    ),
    "coarse_narrow_range_4": lambda b, w: shown(
        (w.wide - w.wide.rolling(4).min()) / (w.wide.rolling(4).max() - w.wide.rolling(4).min()), b
    ),
    "coarse_realised_ratio_4_26": lambda b, w: shown(
        logs((deviation(w.r, 4) + 1e-6) / (deviation(w.r, 26) + 1e-6)), b
    ),
    "coarse_volume_ratio_2_8": lambda b, w: shown(
        logs(w.volume.rolling(2).mean() / w.volume.rolling(8).mean()), b
    ),
    "coarse_close_place_4": lambda b, w: shown(place(w).rolling(4).mean(), b),
    "coarse_up_share_8": lambda b, w: shown(flags(w.r > 0, w.r).rolling(8).mean(), b),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_agrees_with_its_definition(
    name: str, bars: pd.DataFrame, features: pd.DataFrame
) -> None:
    first = A500[name].warmup
    ours, theirs = (
        features[name].to_numpy()[first:],
        FORMULAS[name](*enriched(bars)).to_numpy()[first:],
    )
    size = np.abs(theirs).max()
    np.testing.assert_allclose(ours / size, theirs / size, rtol=0, atol=1e-9)


def test_every_kind_of_formula_is_written_anew() -> None:
    """The calendar is compared with dates by hand, in the unit tests of the catalogue."""
    calendar = {name for name in A500 if A500[name].group == "calendar"}
    elsewhere = {*CALLED, *CANDLES, *calendar, *(feature.name for feature in TIERS["a20"])}
    left = {kind(name) for name in A500 if name not in elsewhere}
    assert left - {kind(name) for name in FORMULAS} == set()
