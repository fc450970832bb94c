"""Stationary inputs and the scaler, against numbers worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import TIERS, Scaler, fit_scaler, to_stationary

NAMES = [feature.name for feature in TIERS["a20"]]


def features() -> pd.DataFrame:
    """Give 23 rows: close 50 then 40 in the last, volume 9 then 29 in the last."""
    table = pd.DataFrame(np.full((23, 25), 20.0), columns=NAMES)
    table["close"] = [50.0] * 22 + [40.0]
    table["volume"] = [9.0] * 22 + [29.0]
    table["obv"] = [100.0] * 22 + [71.0]
    table["adosc"] = 33.0
    table["bb_percent_b"] = 1.25
    return table


def test_each_rule_by_hand() -> None:
    last = to_stationary(features(), "a20").iloc[-1]
    # Mean volume of the last twenty: (19 * 9 + 29) / 20 = 10.
    expected = dict.fromkeys(NAMES, 20.0 / 40.0 - 1.0)
    expected |= {
        "close": math.log(40.0 / 50.0),
        "volume": math.log(29.0 / 10.0),
        "obv": -29.0 / 10.0,
        "adosc": 33.0 / 10.0,
        "bb_percent_b": 1.25,
        "atr_14": 20.0 / 40.0,
        "macd_line": 20.0 / 40.0,
    }
    for name in ("rsi_daily", "rsi_weekly", "stochrsi_daily", "stochrsi_weekly", "adx_14"):
        expected[name] = 0.2
    assert last.to_dict() == pytest.approx(expected, rel=1e-14)


def test_what_needs_an_earlier_row_is_missing_before_there_is_one() -> None:
    missing = to_stationary(features(), "a20").isna().sum().to_dict()
    expected = dict.fromkeys(NAMES, 0) | {"close": 1, "volume": 19, "obv": 19, "adosc": 19}
    assert missing == expected


def inputs() -> pd.DataFrame:
    return pd.DataFrame(
        {"a": [900.0, 1.0, 2.0, 3.0, 4.0, 5.0, -900.0], "b": [0.0, 7.0, 7.0, 7.0, 7.0, 7.0, 9.0]}
    )


def test_scaler_is_median_and_quartiles_of_the_given_rows_only() -> None:
    scaler = fit_scaler(inputs(), np.arange(1, 6))
    np.testing.assert_array_equal(scaler.center_C, [3.0, 7.0])
    # Quartiles 2 and 4; the second column does not vary.
    np.testing.assert_allclose(scaler.scale_C, [2.0 / 1.349, 1.0], rtol=1e-15)
    assert scaler.columns == ("a", "b")
    assert scaler.center_C.dtype == scaler.scale_C.dtype == np.float64


def test_transform_scales_clips_and_lets_missing_values_through() -> None:
    scaler = Scaler(np.array([3.0, 7.0]), np.array([2.0, 1.0]), ("a", "b"))
    scaled = scaler.transform(np.array([[4.0, 7.5], [900.0, -900.0], [np.nan, 17.0]]))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, np.array([[0.5, 0.5], [10, -10], [np.nan, 10]]))
    narrow = dataclasses.replace(scaler, clip=0.25)
    np.testing.assert_array_equal(narrow.transform(np.array([[4.0, 6.0]])), [[0.25, -0.25]])


def test_transform_takes_windows_too() -> None:
    scaler = Scaler(np.array([1.0, 2.0]), np.array([1.0, 1.0]), ("a", "b"))
    assert scaler.transform(np.ones((3, 5, 2)))[2, 4].tolist() == [0.0, -1.0]


def test_misuse_is_refused() -> None:
    scaler = fit_scaler(inputs(), np.arange(1, 6))
    with pytest.raises(AssertionError, match="last axis"):
        scaler.transform(np.ones((3, 5)))
    with pytest.raises(AssertionError, match="needs rows"):
        fit_scaler(inputs(), np.arange(0))
    with pytest.raises(AssertionError, match="warm-up"):
        fit_scaler(inputs().replace(900.0, np.nan), np.arange(7))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scaler.clip = 3.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        scaler.center_C[0] = 1.0
