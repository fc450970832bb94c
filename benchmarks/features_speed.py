"""How long tier a500 takes, beside pandas-ta-classic and beside TA-Lib alone, A B A B in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/features_speed.py [rows]

Bars are random, of 8,000 days. Two comparisons, and what each tier takes:

- *bare TA-Lib*: while the tier is built once, every call of a TA-Lib function is written down with
  its arguments; these very calls are then made again with nothing around them, results thrown
  away. What a column does in numpy (calendar, lags, logarithms), the table and the check that all
  is finite count for us only.
- *pandas-ta-classic*: the columns of the tier that it has an indicator for (`THEIRS`), computed by
  its own code (talib=False, its default; without numba, which it would use), one call for several
  columns where one call gives them; ours are the same columns. The same without the Hilbert
  transforms, which are loops in Python there, and with TA-Lib at work inside of it (talib=True).
- of each tier, the build and its stationary form (`to_stationary`).

Tables for docs/benchmarks.md.
"""

from __future__ import annotations

import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import talib

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

ROUNDS = 7
Call = tuple[Callable[..., Any], tuple[Any, ...]]
CALLS: list[Call] = []
recording = False


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if recording:
            assert not named, "our library names no arguments"
            CALLS.append((function, arguments))
        return function(*arguments, **named)

    return call


# Before our library takes the functions.
for name in talib.get_functions():
    setattr(talib, name, recorded(getattr(talib, name)))

from finscale.dataset import (  # noqa: E402
    TIERS,
    WARMUP_ROWS,
    Feature,
    build_features,
    to_stationary,
)
from finscale.dataset.features import build_table  # noqa: E402

C, CV, V = ("close",), ("close", "volume"), ("volume",)
HL, HLC, OC = ("high", "low"), ("high", "low", "close"), ("open", "close")
HLCV, OHLC = (*HLC, "volume"), ("open", *HLC)
RETURNS = ("returns",)
N = ("length",)
PAIR = ("fast", "slow")
Names = tuple[str | None, ...]
# First words of our column's name → their function, its inputs, and what it calls our parameters.
THEIRS: dict[str, tuple[str, tuple[str, ...], Names]] = {
    **{name: (name, C, N) for name in ("sma", "ema", "dema", "kama", "hma", "vhf", "slope")},
    **{name: (name, C, N) for name in ("roc", "rsi", "cmo", "trix", "dpo", "fosc", "log_return")},
    **{name: (name, HLC, N) for name in ("dx", "adxr", "cci", "willr", "natr", "atr")},
    **dict.fromkeys(("adx", "plus_di", "minus_di"), ("adx", HLC, N)),
    **dict.fromkeys(("vortex_up", "vortex_down"), ("vortex", HLC, N)),
    **dict.fromkeys(("aroon_up", "aroon_down"), ("aroon", HL, N)),
    **dict.fromkeys(("mama", "fama"), ("mama", C, ("fastlimit", "slowlimit"))),
    **dict.fromkeys(("ht_sine", "ht_leadsine"), ("ht_sine", C, ())),
    **dict.fromkeys(("ht_inphase", "ht_quadrature"), ("ht_phasor", C, ())),
    **dict.fromkeys(("stoch_k", "stoch_d"), ("stoch", HLC, ("k", "smooth_k", None, "d"))),
    **dict.fromkeys(("bb_width", "bb_percent_b"), ("bbands", C, N)),
    "adosc": ("adosc", HLCV, PAIR),
    "ao": ("ao", HL, PAIR),
    "avgdev": ("mad", C, N),
    "body": ("bop", OHLC, ()),
    "bulls": ("eri", HLC, N),
    "choppiness": ("chop", HLC, N),
    "cmf": ("cmf", HLCV, N),
    "coppock": ("coppock", C, ("length", *PAIR)),
    "donchian_width": ("donchian", HL, ("lower_length",)),
    "ease_of_movement": ("eom", HLCV, N),
    "efficiency": ("er", C, N),
    "efi": ("efi", CV, N),
    "forecast": ("tsf", C, N),
    "heikin_ashi": ("ha", OHLC, ()),
    "ht_period": ("ht_dcperiod", C, ()),
    "ht_trendline": ("ht_trendline", C, ()),
    "inside_bars": ("cdl_inside", OHLC, ()),
    "kdj_j": ("kdj", HLC, ("length", "signal")),
    "keltner_place": ("kc", HLC, N),
    "kurtosis": ("kurtosis", RETURNS, N),
    "linear_end": ("linreg", C, N),
    "macd_hist": ("macd", C, ("fast", "slow", "signal")),
    "macd_line": ("macd", C, ("fast", "slow", "signal")),
    "massi": ("massi", HL, PAIR),
    "mfi": ("mfi", HLCV, N),
    "midprice": ("midprice", HL, N),
    "obv": ("obv", CV, ()),
    "ppo": ("ppo", C, PAIR),
    "pvo": ("pvo", V, PAIR),
    "qstick": ("qstick", OC, N),
    "realised": ("stdev", RETURNS, N),
    "rvi": ("rvi", C, N),
    "sar": ("psar", HLC, ("af", "max_af")),
    "skew": ("skew", RETURNS, N),
    "smi": ("smi", C, (None, "fast", "slow", "signal")),
    "stochrsi": ("stochrsi", C, ("rsi_length", "length", "d")),
    "supertrend": ("supertrend", HLC, ("length", "multiplier")),
    "t3": ("t3", C, ("length", "a")),
    "true_range": ("true_range", HLC, ()),
    "tsi": ("tsi", C, ("slow", "fast")),
    "ulcer": ("ui", C, N),
    "ultosc": ("uo", HLC, ("fast", "medium", "slow")),
    "vwap": ("vwma", CV, N),
    "zlema": ("zlma", C, N),
}
ALIASES = {"rsi_daily": "rsi_14", "stochrsi_daily": "stochrsi_14", "stochrsi_d": "stochrsi"}
Asked = tuple[str, tuple[str, ...], tuple[tuple[str, float | str], ...]]


def main(rows: int) -> None:
    bars = random_bars(rows)
    print(f"{hardware()}, {rows:,} rows, medians of {ROUNDS}:\n")
    print("| what | columns | ours, ms | theirs, ms | ratio |\n|---|---|---|---|---|")
    beside_talib(bars)
    beside_pandas_ta(bars)
    print("\n| tier | columns | warm-up rows | build, ms | stationary form, ms |")
    print("|---|---|---|---|---|")
    for tier in TIERS:
        print(of_tier(bars, tier), flush=True)


def of_tier(bars: pd.DataFrame, tier: str) -> str:
    features = build_features(bars, tier)
    build, form = in_turns(
        lambda: build_features(bars, tier), lambda: to_stationary(features, tier)
    )
    times = f"{build * 1e3:.1f} | {form * 1e3:.1f}"
    return f"| {tier} | {features.shape[1]} | {WARMUP_ROWS[tier]} | {times} |"


def beside_talib(bars: pd.DataFrame) -> None:
    global recording
    recording = True
    build_features(bars, "a500")
    recording = False
    ours, bare = in_turns(lambda: build_features(bars, "a500"), replay)
    print(
        line(f"a500, {len(CALLS)} bare TA-Lib calls", len(TIERS["a500"]), ours, bare, ours / bare)
    )


def beside_pandas_ta(bars: pd.DataFrame) -> None:
    shared = tuple(feature for feature in TIERS["a500"] if match(feature))
    plain = tuple(feature for feature in shared if not hilbert(feature))
    for what, features, with_talib in (
        ("pandas-ta-classic", shared, False),
        ("the same without Hilbert transforms", plain, False),
        ("pandas-ta-classic calling TA-Lib", shared, True),
    ):
        calls = {asked for asked in map(match, features) if asked}
        ours, theirs = in_turns(
            partial(build_table, bars, features), partial(pandas_ta, bars, calls, with_talib)
        )
        print(line(what, len(features), ours, theirs, theirs / ours), flush=True)


def hilbert(feature: Feature) -> bool:
    asked = match(feature)
    return asked is not None and asked[0].startswith(("ht_", "mama"))


def match(feature: Feature) -> Asked | None:
    """Return their function for our column, its inputs and its numbers."""
    one_candle = re.fullmatch(r"candle_([a-z0-9]+)", feature.name)
    if one_candle:
        return "cdl_pattern", OHLC, (("name", one_candle[1]),)
    name = feature.name
    for ours, theirs in ALIASES.items():
        name = name.replace(ours, theirs)
    found = THEIRS.get(re.sub(r"(_\d+)+$", "", name))
    if found is None:
        return None
    function, inputs, names = found
    numbers = [value for _, value in feature.parameters]
    return function, inputs, tuple((key, n) for key, n in zip(names, numbers, strict=False) if key)


def pandas_ta(bars: pd.DataFrame, calls: set[Asked], with_talib: bool) -> None:
    import pandas_ta_classic as ta

    table = bars.assign(returns=np.log(bars["close"]).diff())
    for function, inputs, named in calls:
        series = [table[column] for column in inputs]
        assert getattr(ta, function)(*series, **dict(named), talib=with_talib) is not None


def replay() -> None:
    for function, arguments in CALLS:
        function(*arguments)


def in_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of both, taken in turns, after one round that does not count."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for seconds, work in zip(took, (ours, theirs), strict=True):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    return statistics.median(took[0][1:]), statistics.median(took[1][1:])


def line(what: str, columns: int, ours: float, theirs: float, ratio: float) -> str:
    return f"| {what} | {columns} | {ours * 1e3:.1f} | {theirs * 1e3:.1f} | {ratio:.1f} |"


def random_bars(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    opening = close * np.exp(rng.normal(0, 0.003, rows))
    spread = np.abs(rng.normal(0, 0.005, (2, rows)))
    columns = {
        "open": opening,
        "high": np.maximum(opening, close) * (1 + spread[0]),
        "low": np.minimum(opening, close) * (1 - spread[1]),
        "close": close,
        "volume": np.floor(rng.lognormal(15, 0.5, rows)),
    }
    return pd.DataFrame(columns, index=pd.bdate_range("1990-01-01", periods=rows, name="date"))


def hardware() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    versions = f"numpy {np.__version__}, pandas {pd.__version__}, TA-Lib {talib.__version__}"
    return f"{model}, one thread, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8_000)
