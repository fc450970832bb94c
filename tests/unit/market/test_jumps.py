"""Moves that look like errors are dated; what no market did is refused until it is called true."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finscale.config import DataError, Study, Synthetic, Universe
from finscale.market import (
    find_jumps,
    jump_line,
    load_bars,
    open_jumps,
    prepare_raw,
    read_manifest,
    validate_bars,
)
from finscale.market.sources.bundled import bundled_bars
from tests.markets import random_bars

NOW = datetime(2025, 6, 1, tzinfo=UTC)
N = 307
AT = 151


def market(factor: float = 1.0, sessions: int = N) -> pd.DataFrame:
    """Draw bars whose prices are `factor` times as high for so many sessions from one on."""
    bars = random_bars(N, seed=5, start="2020-01-01")
    bars.iloc[AT : AT + sessions, :4] *= factor
    # That day's own move is left out, so that the ratio is what it says.
    step = bars["close"].iat[AT] / bars["close"].iat[AT - 1] / factor
    bars.iloc[AT:, :4] /= step
    return bars


def day(at: int = AT) -> date:
    return pd.DatetimeIndex(market().index)[at].date()


@pytest.mark.parametrize("ratio", [2, 3, 4, 5, 10, 100, 1000])
@pytest.mark.parametrize("up", [True, False])
def test_a_series_on_another_level_from_a_date_on_is_found(ratio: int, up: bool) -> None:
    (jump,) = find_jumps(market(ratio if up else 1.0 / ratio))
    assert (jump.day, jump.day_before) == (day(), day(AT - 1)) and jump.stays
    assert jump.factor == pytest.approx(ratio) and jump.is_impossible == (ratio >= 15)
    looks = "another unit?" if ratio >= 100 else "a split that is not adjusted for?"
    times = f"{ratio} times it" if up else f"1/{ratio} of it"
    assert f"on {day()}: {times}, and it stays ({looks})" in jump.text.replace("1e+03", "1000")


@pytest.mark.parametrize("factor", [0.01, 100.0, 0.5])
def test_a_session_that_lies_alone_is_found_there_and_back(factor: float) -> None:
    jumps = find_jumps(market(factor, sessions=1))
    assert [jump.day for jump in jumps] == [day(), day(AT + 1)]
    assert not jumps[0].stays and "it does not stay (a misprint?)" in jumps[0].text


def test_a_lost_digit_in_a_high_is_found_by_the_session_s_range() -> None:
    bars = market()
    bars.iloc[AT, bars.columns.get_loc("high")] *= 100.0
    (jump,) = find_jumps(bars)
    assert jump.is_range and jump.is_impossible and jump.day == day()
    assert jump.text.startswith("low ") and f"on {day()} (a misprint?)" in jump.text


@pytest.mark.parametrize("factor", [1.0, 1.3, 0.74, 1.5, 0.6])
def test_what_markets_do_is_not_suspicious(factor: float) -> None:
    """Also a fifth of a 2 %-market's value in one session, and a half."""
    assert find_jumps(market(factor)) == ()


def test_the_largest_known_moves_are_not_refused() -> None:
    """XIV on 2018-02-06; a small share that rises fourteenfold in a session."""
    for factor in (7.35 / 99.00, 14.0):
        assert not any(jump.is_impossible for jump in find_jumps(market(factor)))


def test_markets_that_come_with_the_project_have_none() -> None:
    for ticker in ("^GSPC", "^IXIC", "^VIX"):
        assert find_jumps(validate_bars(bundled_bars(ticker), ticker)) == ()
    # Rates have no ratios, and one bar has no move.
    assert find_jumps(market() - 100.0) == find_jumps(market().iloc[:1]) == ()


def universe(folder: Path, **changes: Any) -> Universe:
    fields = {
        "name": "one",
        "source": "csv",
        "path": str(folder),
        "target": "AAA",
        "tickers": ("AAA",),
        "start": date(2020, 1, 1),
        "train_end": date(2020, 3, 2),
        "validation_end": date(2020, 5, 4),
        "end": date(2021, 3, 4),
    }
    return Universe.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("factor", "sessions", "days"), [(0.01, N, (AT,)), (0.005, 1, (AT, AT + 1)), (20.0, N, (AT,))]
)
def test_what_no_market_did_is_refused_until_the_universe_calls_it_true(
    tmp_path: Path, factor: float, sessions: int, days: tuple[int, ...]
) -> None:
    market(factor, sessions).to_csv(tmp_path / "AAA.csv")
    root = tmp_path / "data"
    with pytest.raises(DataError) as caught:
        prepare_raw(universe(tmp_path), root, now=NOW)
    line = caught.value.line
    assert line.startswith(f"{tmp_path / 'AAA.csv'}: expected prices within 15 times")
    for at in days:
        assert f"on {day(at)}" in line and f" in line {at + 2}" in line
    listed = ", ".join(str(day(at)) for at in days)
    assert f"write true_jumps: [{listed}] into the universe's file." in line
    assert not root.exists()
    true = universe(tmp_path, true_jumps=[str(day(at)) for at in days])
    prepare_raw(true, root, now=NOW)
    assert len(load_bars(true, root)) == N and open_jumps(load_bars(true, root), true) == ()
    # Only the days that are asked for count.
    before = universe(tmp_path, name="before", end=day(AT - 1), true_jumps=())
    prepare_raw(before, root, now=NOW)


def test_a_split_is_read_and_said(tmp_path: Path) -> None:
    market(0.25).to_parquet(tmp_path / "AAA.parquet")
    split = universe(tmp_path, source="parquet")
    prepare_raw(split, tmp_path / "data", now=NOW)
    jumps = open_jumps(load_bars(split, tmp_path / "data"), split)
    line = jump_line("AAA", jumps)
    assert line.startswith("AAA looks wrong: close ") and f"on {day()}: 1/4 of it" in line
    assert line.endswith(f"write true_jumps: [{day()}] into the universe's file.")


@pytest.mark.parametrize(("factor", "newest_first"), [(0.25, False), (10.0, True)])
def test_an_adjusted_close_beside_the_close_tells_a_split_for_sure(
    tmp_path: Path, factor: float, newest_first: bool
) -> None:
    """Dividends part the two as well, by less."""
    adjusted = market()["close"] * np.where(np.arange(N) < 40, 0.97, 1.0)
    bars = market(factor).assign(**{"Adj Close": adjusted})
    (bars.iloc[::-1] if newest_first else bars).to_csv(tmp_path / "AAA.csv")
    lines: list[str] = []
    prepare_raw(universe(tmp_path), tmp_path / "data", now=NOW, tell=lines.append)
    place = N - AT + 1 if newest_first else AT + 2
    ratio = "10" if newest_first else "4"
    assert len(lines) == 2 and f"a split of about {ratio} on " in lines[1]
    assert f"{day()} in line {place} is in Close and not in Adj Close." in lines[1]
    true = universe(tmp_path, name="true", true_jumps=[str(day())])
    prepare_raw(true, tmp_path / "data", now=NOW, tell=lines.append)
    assert len(lines) == 3 and lines[2].startswith("AAA: asking")


def test_many_jumps_are_one_line_of_the_first_five() -> None:
    bars = random_bars(N, seed=5)
    bars.iloc[10::20, :4] *= 100.0
    line = jump_line("AAA", find_jumps(bars))
    assert line.count("(a misprint?)") == 5 and "; and 25 more. Correct" in line
    assert ", ...] into the universe's file." in line and len(line) < 1000


def test_drawn_markets_are_what_they_were_drawn_to_be() -> None:
    drawn = universe(Path(), source="synthetic", path=None, synthetic=Synthetic())
    assert open_jumps(market(100.0), drawn) == ()


def test_what_is_called_true_changes_no_identity(tmp_path: Path) -> None:
    true = universe(tmp_path, true_jumps=["2020-03-02"])
    assert true.true_jumps == (date(2020, 3, 2),)
    assert true.model_dump() == universe(tmp_path).model_dump()
    shared = {"horizons": [1], "tasks": ["direction"], "budgets": ["9K"]}
    shared |= {"question": "?", "feature_tiers": ["a20"], "space": "demo"}
    plain, named = (
        Study.model_validate({"name": "s", "universes": [each], **shared})
        for each in (universe(tmp_path), true)
    )
    assert plain.values() == named.values()
    market().to_csv(tmp_path / "AAA.csv")
    for true_jumps in ((), ("2020-03-02",)):
        prepare_raw(universe(tmp_path, true_jumps=true_jumps), tmp_path / "data", now=NOW)
    (entry,) = read_manifest(tmp_path / "data").values()
    assert entry.source == f"csv {tmp_path} AAA"
