"""Planted markets: drawn the same every time, and their odds are the true ones."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError, Planted, Universe, load_universe
from finscale.dataset import make_labels
from finscale.evaluation import reference_inputs
from finscale.market import bars_sha256, planted_log_odds, validate_bars
from finscale.market.sources.planted import planted_bars

START, END = date(1980, 1, 1), date(1999, 12, 31)
SEVEN = Planted(n_lags=7, strength=1.5)


def drawn(planted: Planted) -> pd.DataFrame:
    return validate_bars(planted_bars(planted, START, END), "planted")


def test_bars_are_valid_and_the_same_every_time() -> None:
    bars, again = drawn(SEVEN), drawn(SEVEN)
    assert bars_sha256(bars, END) == bars_sha256(again, END)
    assert bars_sha256(bars, END) != bars_sha256(drawn(Planted(n_lags=7, strength=1.4)), END)
    assert set(bars.index.day_of_week) == {0, 1, 2, 3, 4}


def test_the_odds_are_those_by_which_closes_rise() -> None:
    bars = drawn(SEVEN)
    odds, labels = planted_log_odds(bars, SEVEN)[:-1], make_labels(bars, "direction", 1)[:-1]
    p = 1.0 / (1.0 + np.exp(-odds))
    # The labels' distance from their own odds is a sum of coins.
    surprise = (labels.to_numpy() - p).sum() / np.sqrt((p * (1.0 - p)).sum())
    assert abs(surprise) < 3.5
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        inside = (low <= p) & (p < high)
        error = np.sqrt(0.25 / inside.sum())
        assert abs(labels.to_numpy()[inside].mean() - p[inside].mean()) < 3.5 * error
    assert odds.std() == pytest.approx(1.5, rel=0.05)


def test_log_odds_by_hand() -> None:
    index = pd.bdate_range("2024-01-01", periods=3)
    places = np.array([0.5, -1.0, 0.25])
    bars = pd.DataFrame({"open": 100.0 * (1.0 + 0.004 * places), "close": 100.0}, index=index)
    one = planted_log_odds(bars, Planted(n_lags=1, strength=2.0))
    assert one == pytest.approx(2.0 * np.sqrt(3.0) * places, abs=1e-12)
    assert (planted_log_odds(bars, Planted(n_lags=0, strength=2.0)) == 0.0).all()
    two = planted_log_odds(bars, Planted(n_lags=2, strength=2.0))
    scale = 2.0 * np.sqrt(1.5)
    sign = np.sign(two[1] / scale + 1.0)  # of yesterday's open
    assert two == pytest.approx(scale * (places + sign * np.array([0.0, 0.5, -1.0])), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(11, 400), n_lags=st.integers(0, 60))
def test_odds_look_back_alone(cut: int, n_lags: int) -> None:
    planted = Planted(n_lags=n_lags, strength=1.0)
    bars = planted_bars(planted, START, date(1981, 12, 31))
    altered = bars.copy()
    altered.iloc[cut:] *= 1.37
    altered.iloc[cut:, 0] *= 0.998
    before, after = planted_log_odds(bars, planted), planted_log_odds(altered, planted)
    assert np.array_equal(before[:cut], after[:cut])


def test_the_reference_sees_nothing_of_the_signal() -> None:
    bars = drawn(Planted(n_lags=1, strength=2.0))
    odds, seen = planted_log_odds(bars, Planted(n_lags=1, strength=2.0)), reference_inputs(bars)
    known = seen.notna().all(axis=1).to_numpy()
    for name in seen:
        assert abs(np.corrcoef(seen[name][known], odds[known])[0, 1]) < 0.06, name


def test_values_come_with_the_source_and_only_there() -> None:
    universe = load_universe("control_flat")
    for changed in ({"planted": None}, {"source": "bundled"}):
        with pytest.raises(ConfigError, match="with source planted, and only there"):
            Universe.model_validate({**dict(universe), **changed})


def test_old_universes_keep_their_dump() -> None:
    assert "planted" not in load_universe("sp500").model_dump(mode="json")
