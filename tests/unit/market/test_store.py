"""The immutable store of raw bars."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finscale.config import ConfigError, DataError
from finscale.market import (
    StoredBars,
    bars_sha256,
    is_prepared,
    load_bars,
    prepare_raw,
    read_manifest,
)
from tests.own_files import CSV, LATER, NOW, contents, universe, write_prices


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_bars_are_cut_stored_and_described(prices: Path, root: Path) -> None:
    first = prepare_raw(universe(prices), root, now=NOW)[0]
    bars = load_bars(universe(prices), root)
    assert bars["close"].to_list() == [20.0, 30.0, 40.0]
    assert first == StoredBars(
        ticker="^AAA",
        path=root / "raw" / "three" / "AAA.parquet",
        rows=3,
        first=date(2024, 1, 2),
        last=date(2024, 1, 4),
        values_sha256=bars_sha256(bars, date(2024, 1, 4)),
        state="fetched",
    )
    assert first.fresh
    entry = read_manifest(root)["raw/three/AAA.parquet"]
    assert (entry.rows, entry.first, entry.last) == (3, "2024-01-02", "2024-01-04")
    assert (entry.source, entry.start) == (f"csv {prices} ^AAA", "2023-12-31")
    assert entry.retrieved == "2025-06-01T12:30:15+00:00"


def test_a_second_call_changes_nothing(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    before = contents(root)
    again = prepare_raw(universe(prices), root, now=LATER)
    assert [stored.fresh for stored in again] == [False, False, False]
    assert contents(root) == before


def test_a_failing_ticker_leaves_the_others_on_disk(prices: Path, root: Path) -> None:
    (prices / "BBB.csv").unlink()
    with pytest.raises(DataError, match=r"BBB\.csv: .* no such file"):
        prepare_raw(universe(prices), root, now=NOW)
    assert not is_prepared(universe(prices), root)
    assert len(load_bars(universe(prices), root, "CCC")) == 3
    (prices / "BBB.csv").write_text(CSV)
    stored = prepare_raw(universe(prices), root, now=NOW)
    assert [one.fresh for one in stored] == [False, True, False]
    assert is_prepared(universe(prices), root)


def test_malformed_bars_are_not_stored(prices: Path, root: Path) -> None:
    (prices / "BBB.csv").write_text(CSV.replace("31,29,30,300", "25,29,30,300"))
    with pytest.raises(DataError, match=r"BBB\.csv: expected high >= low; got .* in line 4"):
        prepare_raw(universe(prices), root, now=NOW)
    assert not (root / "raw" / "three" / "BBB.parquet").exists()


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"start": date(1, 1, 1)}, "got start 0001-01-01, end 2024-01-04"),
        ({"start": date(1699, 12, 31)}, "got start 1699-12-31"),
        ({"end": date(9999, 12, 31)}, "end 9999-12-31"),
        ({"start": date(2, 3, 4), "source": "csv", "fred": ("DGS10",)}, "got start 0002-03-04"),
    ],
)
def test_days_that_no_market_had_are_not_asked_for(
    prices: Path, root: Path, changes: dict[str, object], got: str
) -> None:
    drawn = {"source": "synthetic", "path": None, "synthetic": {}}
    odd = universe(prices, **(changes if "source" in changes else drawn | changes))
    with pytest.raises(ConfigError, match=got) as caught:
        prepare_raw(odd, root, now=NOW)
    assert "expected sessions from 1700-01-01 to 2200-12-31" in caught.value.line
    assert not root.exists()
    with pytest.raises(ConfigError, match=got):
        load_bars(odd, root)


@pytest.mark.parametrize(
    ("unit", "first", "got"),
    [
        ("ns", -(2**63) + 1, "got 1677-09-21 in row 1"),
        # Seconds of 2024, written as if they were days and a bit: the year 37,6xx.
        ("ms", 1_126_000_000_000_000, "37651-07-09 in row 1"),
        ("s", -62_135_596_800, "got 0001-01-01 in row 1"),
        ("us", 2**62, "in row 1"),
    ],
)
def test_dates_in_another_unit_of_time_are_one_line(
    prices: Path, root: Path, unit: str, first: int, got: str
) -> None:
    days = np.array([first, first + 1], dtype=f"datetime64[{unit}]")
    table = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), 7.0), days)
    for ticker in ("^AAA", "BBB", "CCC"):
        table.rename_axis("Date").to_parquet(prices / f"{ticker}.parquet")
    with pytest.raises(DataError) as caught:
        prepare_raw(universe(prices, source="parquet"), root, now=NOW)
    assert got in caught.value.line
    assert "expected dates from 1700-01-01 to 2200-12-31" in caught.value.line


def test_a_file_is_read_from_whatever_start(prices: Path, root: Path) -> None:
    stored = prepare_raw(universe(prices, start=date(1, 1, 1)), root, now=NOW)
    assert [each.first for each in stored] == [date(2023, 12, 29)] * 3


def test_a_range_without_bars_is_one_line(prices: Path, root: Path) -> None:
    later = universe(
        prices,
        start=date(2024, 2, 1),
        train_end=date(2024, 2, 2),
        validation_end=date(2024, 2, 3),
        end=date(2024, 2, 4),
    )
    with pytest.raises(DataError, match="from 2024-02-01 to 2024-02-04: expected at least 2 bars"):
        prepare_raw(later, root, now=NOW)


def test_loading_what_is_not_stored_says_the_line_to_run(prices: Path, root: Path) -> None:
    with pytest.raises(DataError, match=r"Run: mlflow run . -e data -P universe=three"):
        load_bars(universe(prices), root)
    assert not is_prepared(universe(prices), root)


def test_loading_an_unknown_ticker_names_those_there_are(prices: Path, root: Path) -> None:
    with pytest.raises(ConfigError, match=r"ticker: expected one of .*AAA, BBB, CCC; got 'BBC'"):
        load_bars(universe(prices), root, "BBC")


def test_loading_an_unknown_universe_names_those_there_are(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"universe: expected one of .*sp500"):
        load_bars("sp501", root)


def test_a_changed_file_is_refused_until_it_is_deleted(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    path = root / "raw" / "three" / "AAA.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    for call in (
        lambda: load_bars(universe(prices), root),
        lambda: prepare_raw(universe(prices), root, now=NOW),
    ):
        with pytest.raises(DataError, match=f"Delete {path}, then run: mlflow run"):
            call()
    assert not is_prepared(universe(prices), root)
    path.unlink()
    assert [one.fresh for one in prepare_raw(universe(prices), root, now=NOW)] == [
        True,
        False,
        False,
    ]
    assert load_bars(universe(prices), root)["close"].to_list() == [20.0, 30.0, 40.0]


@pytest.mark.parametrize(
    "change",
    [
        {"start": date(2023, 12, 1)},
        {
            "train_end": date(2024, 1, 1),
            "validation_end": date(2024, 1, 2),
            "end": date(2024, 1, 3),
        },
        {"path": "elsewhere"},
    ],
)
def test_a_changed_universe_asks_to_delete_the_file(
    prices: Path, root: Path, change: dict[str, object]
) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    changed = universe(prices, **change)
    with pytest.raises(DataError, match=r"got a file made from csv .* Delete .*AAA\.parquet"):
        prepare_raw(changed, root, now=NOW)
    with pytest.raises(DataError, match="Raw files are never changed"):
        load_bars(changed, root)
    assert not is_prepared(changed, root)


def test_new_boundaries_between_the_parts_need_no_new_bars(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    moved = universe(prices, target="BBB", train_end=date(2024, 1, 1))
    assert not any(one.fresh for one in prepare_raw(moved, root, now=NOW))


@pytest.mark.parametrize("other", ["AAA", "^aaa", "^AAA"])
def test_two_tickers_of_one_file_name_are_refused(prices: Path, other: str) -> None:
    with pytest.raises(ConfigError, match=r"different names; got \^AAA (and|twice)"):
        universe(prices, tickers=("^AAA", other))


def test_a_file_that_an_interruption_left_without_entry_is_replaced(
    prices: Path, root: Path
) -> None:
    path = root / "raw" / "three" / "AAA.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"left over")
    assert not is_prepared(universe(prices), root)
    assert prepare_raw(universe(prices), root, now=NOW)[0].fresh
    assert len(load_bars(universe(prices), root)) == 3


def test_yahoo_refuses_an_end_that_is_not_over(root: Path) -> None:
    spy = universe(
        Path(), source="yahoo", path=None, target="SPY", tickers=("SPY",), end=NOW.date()
    )
    with pytest.raises(DataError, match=r"got end 2025-06-01 on 2025-06-01. Set end"):
        prepare_raw(spy, root, now=NOW)


def test_parallel_writers_lose_no_entry(prices: Path, root: Path) -> None:
    universes = [universe(prices, name=f"u{number}") for number in range(5)]
    threads = [
        threading.Thread(target=prepare_raw, args=(one, root), kwargs={"now": NOW})
        for one in universes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_manifest(root)) == 15
    assert all(is_prepared(one, root) for one in universes)
    assert isinstance(load_bars(universes[4], str(root), "CCC"), pd.DataFrame)
