"""All inputs of a ticker: what is in them, and that none of it looks ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import TIMESCALES, DataError, load_universe
from finscale.dataset import MULTI, TIERS, VIX, build_inputs, first_position, warmup_rows
from finscale.dataset.inputs import ExtraSeries, load_extra_series
from finscale.dataset.macro import MACRO, macro_columns
from finscale.market import resample
from finscale.market.publication import as_known
from finscale.market.sources.flat import flat_bars
from tests.markets import random_bars

# Sessions in a bar, at most: how long a history must be.
SESSIONS = {"2d": 2, "3d": 3, "5d": 5, "weekly": 5, "2wk": 10, "monthly": 23}
SERIES = tuple(MACRO)
START = "1990-01-02"


def flat(index: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    closes = np.exp(np.random.default_rng(seed).normal(2.9, 0.3, len(index)))
    columns = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pd.DataFrame({**columns, "volume": 0.0}, index=index)


def beside(bars: pd.DataFrame, seed: int) -> ExtraSeries:
    """Make a VIX and macro series that were known from well before the first bar on."""
    macro = {}
    for number, series in enumerate(SERIES):
        daily = series.startswith("D")
        dates = pd.date_range(
            "1988-06-01", bars.index[-1], freq="B" if daily else "MS", name="date", unit="us"
        )
        macro[series] = flat(dates, seed + 10 + number)
    return ExtraSeries(flat(pd.DatetimeIndex(bars.index), seed + 1), macro)


def altered(frame: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Turn everything after a day upside down."""
    changed = frame.copy()
    after = changed.index > day
    changed.loc[after] = changed.loc[after].to_numpy()[::-1] * 7.0
    return changed


@pytest.mark.parametrize("timescale", TIMESCALES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.floats(0, 1))
def test_nothing_after_a_day_changes_any_input_at_or_before_it(
    timescale: str, seed: int, share: float
) -> None:
    n = (warmup_rows("a500", timescale, True) + 31) * SESSIONS.get(timescale, 1)  # type: ignore[arg-type]
    bars = random_bars(n, seed, start=START)
    known = beside(bars, seed)
    coarse = resample(bars, timescale)  # type: ignore[arg-type]
    day = coarse.index[int(share * (len(coarse) - 1))]
    other = ExtraSeries(
        altered(known.vix, day),  # type: ignore[arg-type]
        {name: altered(series, day) for name, series in known.macro.items()},
    )
    before = build_inputs(bars, "a500", timescale, known)  # type: ignore[arg-type]
    after = build_inputs(altered(bars, day), "a500", timescale, other)  # type: ignore[arg-type]
    assert before.shape[1] == 505 + 8 + 11 + (14 if timescale == "daily+multi" else 0)
    pd.testing.assert_frame_equal(before.loc[:day], after.loc[:day], check_exact=True)


def test_columns_come_in_blocks_and_have_names_of_their_own() -> None:
    bars = random_bars(311, 3, start=START)
    table = build_inputs(bars, "a20", "daily+multi", beside(bars, 3))
    expected = [
        *(feature.name for feature in TIERS["a20"]),
        *(feature.name for feature in MULTI),
        *(feature.name for feature in VIX),
        *macro_columns(SERIES),
    ]
    assert list(table.columns) == expected and table.columns.is_unique
    assert table.columns[-1] == "term_spread"
    assert table.index.equals(bars.index) and (table.dtypes == np.float64).all()
    warmup = warmup_rows("a20", "daily+multi", True)
    assert 199 <= warmup <= 252
    assert np.isfinite(table.to_numpy()[warmup:]).all()


def test_names_of_the_largest_tier_and_all_beside_it_do_not_meet() -> None:
    names = [feature.name for feature in (*TIERS["a500"], *MULTI, *VIX)]
    assert len(set(names) | set(macro_columns(SERIES))) == 505 + 14 + 8 + 11


def test_the_warm_up_is_that_of_the_slowest_column() -> None:
    assert warmup_rows("a20") == warmup_rows("a20", "weekly", True) == 199
    assert first_position("a20", 60) == 258
    slowest = warmup_rows("a500")
    assert 199 <= slowest <= 252
    assert first_position("a500", 2, timescale="daily+multi", vix=True) == 1 + max(
        slowest, *(feature.warmup for feature in MULTI)
    )


def test_too_few_bars_of_a_timescale_are_one_line() -> None:
    said = "tier a20: expected more than 199 weekly bars, its warm-up; got 60"
    with pytest.raises(DataError, match=said):
        build_inputs(random_bars(300, 1, start=START), "a20", "weekly")


def test_macro_columns_by_hand() -> None:
    index = pd.bdate_range("2020-01-01", periods=211, name="date", unit="us")
    months = pd.date_range("2018-01-01", "2020-11-01", freq="MS", name="date", unit="us")
    levels = 100.0 * 1.002 ** np.arange(len(months))
    series = flat(months, 1)
    series[["open", "high", "low", "close"]] = levels[:, None].repeat(4, axis=1)
    bars = random_bars(211, 5, start="2020-01-01")
    table = build_inputs(bars, "a20", "daily", ExtraSeries(None, {"CPIAUCSL": series}))
    assert table.index.equals(index)
    # A constant 0.2 % a month.
    np.testing.assert_allclose(table["cpiaucsl_log_change_1"], 100 * np.log(1.002), rtol=1e-9)
    np.testing.assert_allclose(table["cpiaucsl_log_change_12"], 1200 * np.log(1.002), rtol=1e-9)


def test_changes_of_a_series_that_has_weekends_are_counted_in_its_own_days() -> None:
    bars = random_bars(211, 5, start="2020-01-01")
    days = pd.date_range("2018-01-01", bars.index[-1], freq="D", name="date", unit="us")
    rates = pd.Series(np.arange(len(days), dtype=float), days)  # a point a day
    known = as_known(flat_bars(rates), "DFF")
    table = build_inputs(bars, "a20", "daily", ExtraSeries(None, {"DFF": known}))
    assert (table["dff_change_30"] == 30.0).all() and (table["dff_change_365"] == 365.0).all()


def test_macro_columns_keep_their_order_however_a_universe_lists_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars = random_bars(211, 5, start="2020-01-01")
    known = beside(random_bars(9000, 5, start=START), 3).macro
    monkeypatch.setattr("finscale.dataset.inputs.load_bars", lambda *_: bars)
    monkeypatch.setattr("finscale.dataset.inputs.load_known", lambda _, __, series: known[series])
    macro = load_universe("macro")
    for series in (SERIES, SERIES[::-1]):
        loaded = load_extra_series(
            macro.model_copy(update={"fred": series}), Path("data"), vix=False
        )
        assert tuple(loaded.macro) == tuple(loaded.digests) == SERIES


def test_a_macro_series_without_a_past_is_one_line() -> None:
    bars = random_bars(311, 3, start=START)
    known = beside(bars, 3)
    short = {"DGS10": known.macro["DGS10"].loc["1989-12-01":]}  # type: ignore[misc]
    with pytest.raises(DataError, match=r"series DGS10: expected a year .* got the first on 1989"):
        build_inputs(bars, "a20", "daily", ExtraSeries(None, short))
    late = {"DGS10": known.macro["DGS10"].loc["1990-02-01":]}  # type: ignore[misc]
    with pytest.raises(DataError, match="nothing at 1990-01-02"):
        build_inputs(bars, "a20", "daily", ExtraSeries(None, late))
