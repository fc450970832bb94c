"""Baselines: past-only inputs by hand, planted coefficients, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import DataError, RefusedError
from finscale.evaluation import bce_with_logits, fit_logit, fit_prior, reference_inputs

N = 53
RNG = np.random.default_rng(7)


def make_bars(seed: int = 11, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    spread = 1.0 + rng.uniform(0.001, 0.02, n)
    frame = {"open": close, "high": close * spread, "low": close / spread, "close": close}
    index = pd.bdate_range("2001-01-01", periods=n)
    return pd.DataFrame(frame | {"volume": 1e6}, index=index, dtype=np.float64)


def test_inputs_by_hand() -> None:
    bars = make_bars()
    row = reference_inputs(bars).iloc[30]
    log_close = np.log(bars["close"].to_numpy())
    squared = np.diff(log_close) ** 2  # squared[i] is the return of day i + 1
    span = np.log(bars["high"] / bars["low"]).to_numpy() ** 2 / (4 * math.log(2))
    assert row["log_rv_5"] == pytest.approx(math.log(squared[25:30].mean()))
    assert row["log_rv_22"] == pytest.approx(math.log(squared[8:30].mean()))
    assert row["log_range_1"] == pytest.approx(math.log(span[30]))
    assert row["log_range_5"] == pytest.approx(math.log(span[26:31].mean()))
    assert row["log_range_22"] == pytest.approx(math.log(span[9:31].mean()))
    assert row["return_1"] == pytest.approx(log_close[30] - log_close[29])
    assert row["return_22"] == pytest.approx(log_close[30] - log_close[8])
    assert len(row) == 8


def test_only_the_first_22_rows_are_unknown() -> None:
    missing = reference_inputs(make_bars()).isna()
    assert missing.iloc[:22].all(axis=None)
    assert not missing.iloc[22:].any(axis=None)


def test_flat_bars_stay_finite() -> None:
    bars = make_bars()
    bars[["open", "high", "low", "close"]] = 50.0
    inputs = reference_inputs(bars).iloc[22:]
    assert np.isfinite(inputs).all(axis=None)
    assert inputs["log_rv_22"].iloc[-1] == pytest.approx(math.log(1e-8))


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(0, N - 1), factor=st.floats(0.01, 100))
def test_the_future_changes_no_input(cut: int, factor: float) -> None:
    bars = make_bars()
    altered = bars.copy()
    altered.iloc[cut + 1 :] *= factor
    before, after = reference_inputs(bars), reference_inputs(altered)
    pd.testing.assert_frame_equal(before.iloc[: cut + 1], after.iloc[: cut + 1], check_exact=True)


def test_a_shock_long_gone_leaves_no_trace() -> None:
    bars = make_bars()
    altered = bars.copy()
    altered.iloc[3] *= 1e6
    before, after = reference_inputs(bars), reference_inputs(altered)
    pd.testing.assert_frame_equal(before.iloc[30:], after.iloc[30:], check_exact=True)


def test_prior_is_the_log_odds_of_the_base_rate() -> None:
    prior = fit_prior([1, 0, 0, 0, 1, 0, 0])
    assert prior.logit == pytest.approx(math.log(2 / 5))
    assert prior.logits(np.zeros((3, 2))).tolist() == [prior.logit] * 3


def test_prior_has_the_least_loss_of_constants() -> None:
    y = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])
    best = fit_prior(y).logit
    losses = [bce_with_logits(y, np.full(11, best + step)).mean() for step in (-0.01, 0, 0.01)]
    assert losses[1] == min(losses)


def test_planted_coefficients_are_found_in_the_inputs_own_units() -> None:
    x = RNG.normal([5.0, -100.0, 0.0], [2.0, 30.0, 1.0], size=(20_011, 3))
    truth = 0.5 + 0.4 * (x[:, 0] - 5) - 0.02 * (x[:, 1] + 100)
    y = (RNG.random(len(x)) < 1 / (1 + np.exp(-truth))).astype(int)
    fitted = fit_logit(x, y)
    assert fitted.weights / fitted.standard.scale == pytest.approx([0.4, -0.02, 0.0], abs=0.04)
    assert fitted.intercept == pytest.approx(0.5, abs=0.05)
    assert np.abs(fitted.logits(x) - truth).max() < 0.4


def test_statistics_come_from_training_rows_only() -> None:
    x = RNG.normal(3.0, 2.0, size=(211, 2))
    y = (x[:, 0] > 3.0).astype(int)
    fitted = fit_logit(x[:101], y[:101])
    assert fitted.standard.mean == pytest.approx(x[:101].mean(axis=0))
    assert fitted.logits(x)[:101] == pytest.approx(fitted.logits(x[:101]))


def test_a_constant_input_is_harmless() -> None:
    x = np.column_stack([RNG.normal(size=97), np.full(97, 0.1)])
    fitted = fit_logit(x, (x[:, 0] > 0).astype(int))
    assert fitted.standard.scale[1] == 1.0
    assert fitted.weights[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(label: int) -> None:
    y = np.full(13, label)
    with pytest.raises(RefusedError, match="both classes"):
        fit_prior(y)
    with pytest.raises(RefusedError, match="both classes"):
        fit_logit(RNG.normal(size=(13, 2)), y)


def test_warm_up_rows_are_refused() -> None:
    x = reference_inputs(make_bars()).to_numpy()
    y = np.arange(N) % 2
    with pytest.raises(DataError, match="22 of 53 rows"):
        fit_logit(x, y)
    fitted = fit_logit(x[22:], y[22:])
    with pytest.raises(DataError, match="22 of 53 rows"):
        fitted.logits(x)


def test_outputs_are_logits_in_a_column_as_a_models() -> None:
    x, y = RNG.normal(size=(31, 2)), np.arange(31) % 2
    for fitted in (fit_prior(y), fit_logit(x, y)):
        np.testing.assert_array_equal(fitted.outputs(x), fitted.logits(x)[:, None])
