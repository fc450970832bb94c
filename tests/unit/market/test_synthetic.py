"""Drawn markets: the same every time, of the moments that were asked for, and longer when asked."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from finscale.config import Synthetic, load_universe
from finscale.market import bars_sha256, validate_bars
from finscale.market.sources.synthetic import synthetic_bars, synthetic_vix

START, END = date(1980, 1, 1), date(2018, 12, 31)


def drawn(synthetic: Synthetic | None = None, ticker: str = "A", end: date = END) -> pd.DataFrame:
    return validate_bars(synthetic_bars(synthetic or Synthetic(), ticker, START, end), "synthetic")


def test_bars_are_the_same_every_time_and_others_for_another_name_or_seed() -> None:
    digests = [
        bars_sha256(bars, END)
        for bars in (drawn(), drawn(), drawn(ticker="B"), drawn(Synthetic(seed=7)))
    ]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_a_later_end_goes_on_with_the_same_path() -> None:
    short, long = drawn(end=date(1983, 5, 17)), drawn(end=date(1983, 5, 18))
    assert len(long) == len(short) + 1
    pd.testing.assert_frame_equal(short, long.iloc[:-1])


def test_the_recursion_by_hand() -> None:
    flat = Synthetic(drift=0.0, alpha=0.0, beta=0.0, volatility=0.252)
    z = np.log(drawn(flat)["close"]).diff().dropna() / (0.252 / np.sqrt(252))
    garch = Synthetic(drift=0.0, alpha=0.1, beta=0.5, volatility=0.252)
    returns = np.log(drawn(garch)["close"]).diff().dropna()
    # The same surprises on another volatility: h = .4 H + .1 r^2 + .5 h, from H on.
    variances = (returns / z) ** 2
    again = 0.4 * 0.252**2 / 252 + 0.1 * returns**2 + 0.5 * variances
    assert variances.iloc[1:8].to_numpy() == pytest.approx(again.iloc[:7].to_numpy(), rel=1e-6)


def test_moments_are_those_of_a_market() -> None:
    bars = drawn()
    returns = np.log(bars["close"]).diff().dropna()
    assert len(bars) == 10_175
    assert returns.std() * np.sqrt(252) == pytest.approx(0.18, rel=0.1)
    assert returns.kurt() > 0.3  # fat tails come from clustering alone
    squares = returns**2
    assert squares.autocorr(1) > 0.08 and abs(returns.autocorr(1)) < 0.04
    ranges = np.log(bars["high"] / bars["low"])
    assert np.corrcoef(ranges, bars["volume"])[0, 1] > 0.3
    assert (bars["high"] > bars["low"]).all() and (bars["volume"] > 0).all()


def test_the_index_is_the_volatility_of_the_next_session() -> None:
    calm = Synthetic(alpha=0.0, beta=0.0, volatility=0.2)
    index = validate_bars(synthetic_vix(calm, "A", START, END), "synthetic")
    assert index["close"].to_numpy() == pytest.approx(20.0, rel=1e-12)
    index = synthetic_vix(Synthetic(), "A", START, END)["close"]
    moves = np.log(drawn()["close"]).diff().abs()
    assert np.corrcoef(index[:-1], moves[1:])[0, 1] > 0.2
    assert (
        index == synthetic_vix(Synthetic(), "A", START, date(2030, 1, 1))["close"].iloc[:10_175]
    ).all()


def test_the_universe_that_comes_with_the_project_draws_it() -> None:
    garch = load_universe("garch")
    assert garch.synthetic is not None
    assert len(synthetic_bars(garch.synthetic, garch.target, garch.start, garch.end)) == 10_175
