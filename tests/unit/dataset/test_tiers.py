"""Every column of every tier: declared, causal, finite, without drift, and none twice."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.dataset import TIERS, WARMUP_ROWS, build_features, fit_scaler
from finscale.dataset.catalogue.feature import Feature, Group
from finscale.dataset.features import build_table
from finscale.dataset.normalise import stationary_table
from finscale.dataset.tiers.multi import MULTI
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars
from tests.markets import random_bars

A500 = TIERS["a500"]
EVERY = A500 + MULTI
LONGEST = 252
INDICES = ("^GSPC", "^IXIC")
FREQ = {
    **{"daily": "B", "2d": "2B", "3d": "3B", "5d": "5B"},
    **{"weekly": "W-FRI", "2wk": "2W-FRI", "monthly": "BME"},
}
MOST_CORRELATED = 0.999
STATED_DUPLICATES: dict[frozenset[str], str] = {}
"""Pairs that may correlate above .999, each with its reason: there are none."""
DRIFTING: dict[str, str] = {}
"""Columns whose validation median may lie far from the training median: there are none."""

# What stands beside a tier is in none.
GROUPS = set(get_args(Group)) - {"vix", "macro"}


def both_forms(
    bars: pd.DataFrame, features: tuple[Feature, ...] = EVERY, timescale: str = "daily"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    natural = build_table(bars, features, timescale)
    return natural, stationary_table(natural, features, bars["close"], bars["volume"])


@functools.cache
def bundled(ticker: str) -> pd.DataFrame:
    """Stationary columns of a bundled index: a500 first, then the finished weeks and months."""
    return both_forms(validate_bars(bundled_bars(ticker), ticker))[1]


def training_rows(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Give the rows of 1999-2012 after the longest warm-up."""
    rows = np.flatnonzero(table.index < pd.Timestamp("2013-01-01"))
    return rows[rows >= LONGEST]


# Declared as data.


def test_tiers_are_nested_and_hold_as_many_indicators_as_they_say() -> None:
    assert list(TIERS) == ["a20", "a50", "a100", "a200", "a250", "a500"]
    for smaller, larger in itertools.pairwise(TIERS.values()):
        assert larger[: len(smaller)] == smaller
    for tier, features in TIERS.items():
        assert sum(feature.group != "price" for feature in features) == int(tier[1:])
        assert sum(feature.group == "price" for feature in features) == 5


def test_every_name_is_used_once() -> None:
    assert [name for name, n in Counter(each.name for each in EVERY).items() if n > 1] == []
    assert len(MULTI) == 14
    assert all(each.name.startswith(("week_", "month_")) for each in MULTI)


def test_the_largest_tier_has_every_group_and_the_smaller_ones_too_from_a50_on() -> None:
    counts = Counter(feature.group for feature in A500)
    assert set(counts) == GROUPS
    assert min(counts[group] for group in counts if group != "price") >= 15
    missing = GROUPS - {feature.group for feature in TIERS["a100"]}
    assert missing == set()


@pytest.mark.parametrize("feature", EVERY, ids=lambda feature: feature.name)
def test_a_feature_says_what_it_is(feature: Feature) -> None:
    assert feature.formula and feature.unit
    assert feature.inputs and set(feature.inputs) <= {
        *("open", "high", "low", "close", "volume", "date")
    }
    assert 0 <= feature.warmup <= LONGEST
    assert feature.name == feature.name.lower() and feature.name.isidentifier()
    assert all(isinstance(value, int | float) for _, value in feature.parameters)


def test_the_warm_up_of_a_tier_is_that_of_its_slowest_feature() -> None:
    assert WARMUP_ROWS == {
        **{"a20": 199, "a50": 199},
        **{"a100": 250, "a200": 251, "a250": 251, "a500": 251},
    }


# Warm-up.


def first_values(table: pd.DataFrame) -> dict[str, int]:
    finite = np.isfinite(table.to_numpy())
    assert finite.any(axis=0).all()
    return dict(zip(table.columns, finite.argmax(axis=0).tolist(), strict=True))


def test_every_declared_warm_up_is_the_first_row_with_a_value() -> None:
    # Trade on all seven days from a Monday on: the most bars that finished weeks can need.
    natural, stationary = both_forms(random_bars(503, seed=1, freq="D"))
    declared = {feature.name: feature.warmup for feature in EVERY}
    exact = {name for name in declared if not name.startswith("month_")}
    found = first_values(stationary)
    assert {name: found[name] for name in exact} == {name: declared[name] for name in exact}
    for name, first in found.items():
        assert first <= declared[name] <= first + 5
    for name, first in first_values(natural).items():
        assert first <= declared[name]


@pytest.mark.parametrize("timescale", FREQ)
def test_bars_of_coarser_timescales_need_no_more(timescale: str) -> None:
    bars = random_bars(307, 2, FREQ[timescale], "1975-01-01")
    _, stationary = both_forms(bars, EVERY, timescale)
    declared = {feature.name: feature.warmup for feature in EVERY}
    for name, first in first_values(stationary).items():
        assert first <= declared[name]


def test_on_weekly_bars_the_weekly_columns_are_those_of_pairs_of_weeks() -> None:
    bars = random_bars(307, 2, "W-FRI")
    found = build_features(bars, "a20", "weekly")["rsi_weekly"].to_numpy()
    # The first two Fridays, the 5th and the 12th of January 2001, share a pair of weeks.
    strength = talib.RSI(bars["close"].to_numpy()[1::2], 14)
    expected = [np.nan, np.nan, *(strength[k // 2 - 1] for k in range(2, 307))]
    np.testing.assert_array_equal(found, expected)


def test_a_market_of_five_days_a_week_needs_no_more() -> None:
    _, stationary = both_forms(random_bars(503, seed=2))
    declared = {feature.name: feature.warmup for feature in EVERY}
    for name, first in first_values(stationary).items():
        assert first <= declared[name]


# Finite, whatever the market does.


def still_from(row: int, volume: float) -> pd.DataFrame:
    bars = random_bars(601, seed=3)
    bars.iloc[row:, :4] = 77.7
    bars.iloc[row:, 4] = volume
    return bars


def one_price() -> pd.DataFrame:
    bars = random_bars(601, seed=3)
    return bars.assign(open=bars["close"], high=bars["close"], low=bars["close"])


def mad_day() -> pd.DataFrame:
    bars = still_from(310, 0.0)
    bars.iloc[300, :4] *= 50.0
    bars.iloc[300, 4] *= 1e9
    return bars


def steady(rate: float) -> pd.DataFrame:
    bars = random_bars(601, seed=3)
    for name in ("open", "high", "low", "close"):
        bars[name] = 1e3 * rate ** np.arange(601)
    return bars


def zigzag() -> pd.DataFrame:
    bars = random_bars(601, seed=3).assign(volume=1.0)
    bars.iloc[::2, :4] = 5.0
    bars.iloc[1::2, :4] = 6.0
    return bars


HOSTILE = {
    "no volume": random_bars(601, seed=3).assign(volume=0.0),
    "still at the end": still_from(251, 9.0),
    "still and no trade at the end": still_from(251, 0.0),
    "still throughout": still_from(0, 0.0),
    "one price a day": one_price(),
    "small prices": random_bars(601, seed=3) * [1e-5, 1e-5, 1e-5, 1e-5, 1.0],
    "large prices": random_bars(601, seed=3) * [1e4, 1e4, 1e4, 1e4, 1e6],
    "one mad day": mad_day(),
    "always up": steady(1.01),
    "always down": steady(0.99),
    "up and down": zigzag(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_value_is_finite_after_its_own_warm_up(name: str) -> None:
    for table in both_forms(HOSTILE[name]):
        values = table.to_numpy()
        known = np.arange(len(values))[:, None] >= [feature.warmup for feature in EVERY]
        assert table.columns[~(np.isfinite(values) | ~known).all(axis=0)].tolist() == []


# Causal.


def assert_same_up_to(one: pd.DataFrame, other: pd.DataFrame, last: int) -> None:
    pd.testing.assert_frame_equal(
        one.iloc[: last + 1], other.iloc[: last + 1], check_exact=True, check_freq=False
    )


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(29, 541),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**16),
    timescale=st.sampled_from(list(FREQ)),
)
def test_bars_after_a_date_change_nothing_at_or_before_it(
    n: int, share: float, seed: int, timescale: str
) -> None:
    bars = random_bars(n, seed, FREQ[timescale])
    t = int(share * (n - 1))
    order = t + 1 + np.random.default_rng(seed).permutation(n - t - 1)
    altered = bars.copy()
    altered.iloc[t + 1 :] = bars.iloc[order].to_numpy() * 7.0
    pairs = zip(
        both_forms(bars, EVERY, timescale), both_forms(altered, EVERY, timescale), strict=True
    )
    for before, after in pairs:
        assert_same_up_to(before, after, t)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(271, 541), share=st.floats(0, 1), seed=st.integers(0, 2**16))
def test_bars_cut_off_after_a_date_change_nothing_before_it(
    n: int, share: float, seed: int
) -> None:
    bars = random_bars(n, seed)
    t = LONGEST + int(share * (n - LONGEST - 1))
    for whole, cut in zip(both_forms(bars), both_forms(bars.iloc[: t + 1]), strict=True):
        assert len(cut) == t + 1
        assert_same_up_to(whole, cut, t)


def test_the_calendar_is_known_in_advance() -> None:
    bars = random_bars(307, seed=5)
    calendar = tuple(each for each in A500 if each.inputs == ("date",))
    assert len(calendar) > 15
    natural = build_table(bars, calendar)
    altered = build_table(bars * 3.0, calendar)
    pd.testing.assert_frame_equal(natural, altered, check_exact=True)


# On real bars: no drift, nothing constant, nothing twice.


@pytest.mark.parametrize("ticker", INDICES)
def test_no_column_drifts_out_of_what_training_has_seen(ticker: str) -> None:
    table = bundled(ticker)
    training = table.iloc[training_rows(table)]
    low, middle, high = (training.quantile(q) for q in (0.25, 0.5, 0.75))
    moved = (table.loc["2013":"2015"].median() - middle).abs()  # type: ignore[misc]
    far = moved > 4.0 * (high - low)
    assert set(table.columns[far]) == set(DRIFTING)
    # The check has teeth: prices themselves have moved that far from their own past.
    close = validate_bars(bundled_bars(ticker), ticker)["close"]
    early = close.loc[:"2006"]  # type: ignore[misc]
    distance = close.loc["2018":].median() - early.median()  # type: ignore[misc]
    assert distance > 4.0 * (early.quantile(0.75) - early.quantile(0.25))


@pytest.mark.parametrize("ticker", INDICES)
def test_no_column_is_constant_in_training(ticker: str) -> None:
    table = bundled(ticker)
    spread = table.iloc[training_rows(table)].std()
    assert table.columns[spread.to_numpy() == 0.0].tolist() == []


@pytest.mark.parametrize("ticker", INDICES)
def test_no_column_is_another_in_disguise(ticker: str) -> None:
    """Compare scaled columns on the training rows and on all rows after the warm-up."""
    table = bundled(ticker)
    rows = training_rows(table)
    scaled = fit_scaler(table, rows).transform(table.to_numpy()).astype(np.float64)
    found = set()
    for sample in (scaled[rows], scaled[LONGEST:]):
        alike = np.abs(np.corrcoef(sample.T)) > MOST_CORRELATED
        for i, j in np.argwhere(np.triu(alike, k=1)):
            found.add(frozenset((table.columns[i], table.columns[j])))
    assert found == set(STATED_DUPLICATES)


@pytest.mark.parametrize("ticker", INDICES)
def test_the_scale_fits_every_column(ticker: str) -> None:
    """Few values may lie where the scaler cuts them off."""
    table = bundled(ticker)
    scaled = fit_scaler(table, training_rows(table)).transform(table.to_numpy())[LONGEST:]
    cut_off = (np.abs(scaled) >= 10.0).mean(axis=0)
    assert table.columns[cut_off > 0.1].tolist() == []


def test_a_column_in_disguise_would_be_found() -> None:
    column = bundled("^GSPC")["rsi_daily"].iloc[LONGEST:]
    assert abs(np.corrcoef(column, 1.0 - 2.0 * column)[0, 1]) > MOST_CORRELATED
