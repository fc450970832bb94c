"""Calibration: bins and intervals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logit

from finscale.evaluation import calibration_of, coverage_curve, reliability
from finscale.evaluation.calibration import wilson


def test_wilsons_interval_by_hand() -> None:
    # k = 8 of 10, z = 1.96: centre (8 + 1.9207) / 13.8415, reach 1.96 sqrt(1.6 + .9604) / 13.8415.
    low, high = wilson([8], [10])
    assert low[0] == pytest.approx(0.4902, abs=1e-4) and high[0] == pytest.approx(0.9433, abs=1e-4)
    # At none and at all: z^2 / (n + z^2) = 3.8415 / 13.8415.
    none, every = wilson([0, 10], [10, 10])
    assert none[0] == 0.0 and every[0] == pytest.approx(0.2775, abs=1e-4)
    assert none[1] == pytest.approx(0.7225, abs=1e-4) and every[1] == 1.0


def test_bins_hold_as_many_samples_each() -> None:
    probability = np.linspace(0.05, 0.95, 100)
    y = (np.arange(100) % 2).astype(float)
    found = reliability(y, logit(probability))
    assert found.n.tolist() == [10.0] * 10
    assert found.frequency == pytest.approx(np.full(10, 0.5))
    assert found.forecast == pytest.approx(probability.reshape(10, 10).mean(axis=1))


def test_two_bins_by_hand() -> None:
    found = reliability([0, 1, 1, 1], logit([0.1, 0.3, 0.6, 0.8]), n_bins=2)
    assert found.forecast == pytest.approx([0.2, 0.7])
    assert found.frequency.tolist() == [0.5, 1.0]
    assert found.low[0] < 0.5 < found.high[0] and found.high[1] == 1.0


def test_a_constant_forecast_has_one_bin() -> None:
    found = reliability([0, 1, 0, 0], [-1.0] * 4)
    assert found.n.tolist() == [4.0] and found.frequency.tolist() == [0.25]


def test_few_samples_fill_few_bins() -> None:
    found = reliability([0, 1, 1], [-1.0, 0.0, 1.0])
    assert found.n.sum() == 3 and (found.n > 0).all()


def test_coverage_by_hand() -> None:
    # |y| of a standard normal: half lie within 0.6745, 95 % within 1.96.
    y = [0.0, 0.5, -1.0, 2.5]
    found = coverage_curve(y, np.zeros(4), np.zeros(4), levels=[0.5, 0.95])
    assert found.forecast.tolist() == [0.5, 0.95]
    assert found.frequency.tolist() == [0.5, 0.75]


def test_a_density_that_is_right_covers_what_it_says() -> None:
    rng = np.random.default_rng(3)
    y = 0.1 + 0.02 * rng.normal(size=20_000)
    outputs = np.column_stack([np.full(y.size, 0.1), np.full(y.size, math.log(0.02))])
    found = calibration_of(y, outputs)
    assert found.frequency == pytest.approx(found.forecast, abs=0.015)


def test_logits_are_compared_with_frequencies() -> None:
    found = calibration_of([0.0, 1.0], np.array([[-1.0], [1.0]]))
    assert found.frequency.tolist() == [0.0, 1.0]
