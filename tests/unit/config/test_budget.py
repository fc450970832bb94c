"""Budgets: the only place where "20M" becomes a number."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError, format_budget, format_size, parse_budget

UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}


@pytest.mark.parametrize(
    ("text", "n_params"),
    [
        ("500K", 500_000),
        ("2.5M", 2_500_000),
        ("20M", 20_000_000),
        ("2B", 2_000_000_000),
        ("1234567", 1_234_567),
        (1_234_567, 1_234_567),
        ("20m", 20_000_000),
        (" 20M ", 20_000_000),
        ("2.50M", 2_500_000),
        ("0.5K", 500),
        # In floats 2.3 * 1e6 is 2299999.9999999995.
        ("2.3M", 2_300_000),
    ],
)
def test_a_budget_is_read(text: str | int, n_params: int) -> None:
    assert parse_budget(text) == n_params


@pytest.mark.parametrize(
    "text",
    [
        "20X", "-2M", "0", "0.0M", "1.5", "0.0001K", "2.5K ok?", "", " ", "M", "2.M", ".5M", "2 M",
        "1e6", "1_000", "+5M", "0x10", "inf", "nan", "20MB", "20M\n2M", "٢M", "9" * 5_000, -7, 0,
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_one_line(text: str | int) -> None:
    with pytest.raises(ConfigError, match=r"budget: expected .* 20M or 2B; got ") as caught:
        parse_budget(text)
    assert "\n" not in caught.value.line


@settings(deadline=None)
@given(st.integers(1, 10**13))
def test_a_formatted_budget_is_read_back(n_params: int) -> None:
    text = format_budget(n_params)
    assert parse_budget(text) == n_params
    # Aliases and tags: no dot, nothing but digits and one unit.
    assert re.fullmatch(r"\d+[KMB]?", text)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.text("0123456789", min_size=1, max_size=9), st.sampled_from("KMB"))
def test_decimals_are_exact_or_refused(whole: int, decimals: str, unit: str) -> None:
    exact = Fraction(f"{whole}.{decimals}") * UNITS[unit]
    text = f"{whole}.{decimals}{unit}"
    if exact > 0 and exact.denominator == 1:
        assert parse_budget(text) == exact
    else:
        with pytest.raises(ConfigError):
            parse_budget(text)


@pytest.mark.parametrize(
    ("n_params", "text"),
    [(20_000_000, "20M"), (2_500_000, "2500K"), (2_500, "2500"), (999, "999"), (3 * 10**9, "3B")],
)
def test_a_budget_is_named_without_a_dot(n_params: int, text: str) -> None:
    assert format_budget(n_params) == text


@pytest.mark.parametrize(
    ("n_params", "text"),
    [
        (7, "7"),
        (999, "999"),
        (1_000, "1K"),
        (32_100, "32.1K"),
        (999_499, "999K"),
        (999_500, "1M"),
        (1_234_567, "1.23M"),
        (19_640_001, "19.6M"),
        (999_999_999, "1B"),
        (2_040_000_000, "2.04B"),
    ],
)
def test_a_size_has_three_digits(n_params: int, text: str) -> None:
    assert format_size(n_params) == text


@settings(deadline=None)
@given(st.integers(1, 999 * 10**9))
def test_a_size_is_short_and_off_by_less_than_half_a_percent(n_params: int) -> None:
    text = format_size(n_params)
    assert re.fullmatch(r"\d{1,3}(\.\d{1,2})?[KMB]?", text)
    assert abs(parse_budget(text) - n_params) <= 0.005 * n_params
