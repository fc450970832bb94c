"""No stationary feature depends on the unit of price or volume, on quiet days neither."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError
from finscale.dataset import build_features, to_stationary
from finscale.dataset.features import TIERS, WARMUP_ROWS
from finscale.dataset.indicators import as_arrays, relative
from tests.markets import random_bars

POWERS = st.integers(-6, 12)


def with_quiet_days(seed: int) -> pd.DataFrame:
    """Draw bars with days without trade: at the beginning, alone, and 40 in a row."""
    bars = random_bars(480, seed)
    quiet = [*range(13), 60, 61, 77, *range(300, 340)]
    bars.loc[bars.index[quiet], "volume"] = 0.0
    return bars


def stationary(bars: pd.DataFrame, tier: str, price: float, volume: float) -> pd.DataFrame:
    units = [price] * 4 + [volume]
    return to_stationary(build_features(bars.mul(units, axis="columns"), tier), tier)


@settings(max_examples=24, deadline=None)
@given(
    st.sampled_from(list(TIERS)),
    st.tuples(POWERS, st.floats(1, 9.99)),
    st.tuples(POWERS, st.floats(1, 9.99)),
    st.integers(0, 99),
    st.booleans(),
)
def test_no_feature_depends_on_a_unit(
    tier: str, price: tuple[int, float], volume: tuple[int, float], seed: int, quiet: bool
) -> None:
    bars = with_quiet_days(seed) if quiet else random_bars(480, seed)
    usual = stationary(bars, tier, 1.0, 1.0)
    other = stationary(bars, tier, *(share * 10.0**power for power, share in (price, volume)))
    apart = (other - usual).abs().max() / (usual.std() + 1e-9)
    assert apart.max() < 1e-4, apart.nlargest(5).to_dict()


@pytest.mark.parametrize("tier", TIERS)
def test_powers_of_two_change_no_digit(tier: str) -> None:
    bars = with_quiet_days(7)
    usual = stationary(bars, tier, 1.0, 1.0)
    other = stationary(bars, tier, 2.0**-19, 2.0**37)
    # Logarithms of prices are rounded as they are; what is made of volumes alone is the same.
    assert (other - usual).abs().max().max() < 1e-6
    volumes = ["volume", "obv", "adosc"]
    pd.testing.assert_frame_equal(other[volumes], usual[volumes], check_exact=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_prices_beyond_all_use_are_still_the_same_market(seed: int) -> None:
    bars = random_bars(480, seed)
    usual, tiny, huge = (stationary(bars, "a500", unit, 1.0) for unit in (1.0, 1e-100, 1e100))
    scale = usual.std() + 1e-9
    assert ((tiny - usual).abs().max() / scale).max() < 1e-4
    assert ((huge - usual).abs().max() / scale).max() < 1e-4


def test_a_leap_through_all_numbers_is_one_line() -> None:
    bars = random_bars(480, seed=4)
    prices = ["open", "high", "low", "close"]
    bars.loc[bars.index[:440], prices] *= 1e-100
    bars.loc[bars.index[440:], prices] *= 1e97
    says = pytest.raises(DataError, match="bars whose indicators are finite numbers; got")
    with np.errstate(all="ignore"), says as caught:
        build_features(bars, "a500")
    assert "\n" not in caught.value.line


def test_a_day_without_trade_is_a_small_share_of_the_one_before() -> None:
    bars = random_bars(7, seed=3).assign(volume=[0.0, 8.0, 0.0, 0.0, 2.0, 16.0, 0.0])
    logs = as_arrays(bars).log_volume
    expected = np.log([1e-4, 1.0, 1e-4, 1e-4, 0.25, 2.0, 2e-4])
    assert logs - logs[1] == pytest.approx(expected)
    assert as_arrays(bars.assign(volume=0.0)).log_volume.tolist() == [0.0] * 7


def test_ratios_of_volumes_have_ends() -> None:
    over = np.array([3.0, 0.0, 0.0, 7.0, 1.0, np.nan])
    under = np.array([2.0, 5.0, 0.0, 0.0, np.nan, 1.0])
    assert relative(over, under) == pytest.approx([1.5, 1e-4, 1, 1e4, np.nan, np.nan], nan_ok=True)


def test_quiet_days_are_finite_in_every_tier() -> None:
    for tier, warmup in WARMUP_ROWS.items():
        found = stationary(with_quiet_days(11), tier, 1.0, 1e-6)
        assert np.isfinite(found.to_numpy()[warmup:]).all()
