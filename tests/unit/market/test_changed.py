"""A user's own file that changes is a new input; one that is refused leaves nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from finscale.config import DataError
from finscale.market import is_prepared, load_bars, prepare_raw, read_manifest
from tests.own_files import CSV, LATER, NOW, contents, universe, write_prices


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("source", ["csv", "parquet"])
def test_a_file_that_changed_is_read_again_and_said(prices: Path, root: Path, source: str) -> None:
    lines: list[str] = []

    def give(**closes: float) -> None:
        for ticker in ("^AAA", "BBB", "CCC"):
            text = CSV.replace("20,21,19,20", f"20,29,19,{closes.get(ticker, 20)}")
            (prices / f"{ticker}.csv").write_text(text)
            frame = pd.read_csv(prices / f"{ticker}.csv")
            frame.to_parquet(prices / f"{ticker}.parquet")

    give()
    changed = universe(prices, source=source)
    prepare_raw(changed, root, now=NOW)
    give(BBB=25)
    assert not is_prepared(changed, root)
    again = prepare_raw(changed, root, now=LATER, tell=lines.append)
    assert [stored.state for stored in again] == ["stored", "restated", "stored"]
    assert load_bars(changed, root, "BBB")["close"].iat[0] == 25.0 and is_prepared(changed, root)
    assert len(lines) == 2 and lines[0].startswith("BBB: asking")
    assert "BBB: its file has changed since 2025-06-01T12:30:15+00:00 and was read a" in lines[1]
    assert "(other values: 3 rows before, 3 now)" in lines[1]
    assert read_manifest(root)["raw/three/BBB.parquet"].retrieved == "2026-01-01T00:00:00+00:00"


def test_a_file_with_more_rows_gives_the_same_line_more_sessions(prices: Path, root: Path) -> None:
    lines: list[str] = []
    for ticker in ("^AAA", "BBB", "CCC"):
        (prices / f"{ticker}.csv").write_text(CSV.rpartition("2024-01-04")[0])
    prepare_raw(universe(prices), root, now=NOW)
    for ticker in ("^AAA", "BBB", "CCC"):
        (prices / f"{ticker}.csv").write_text(CSV)
    again = prepare_raw(universe(prices), root, now=LATER, tell=lines.append)
    assert [stored.state for stored in again] == ["extended"] * 3
    assert "(more sessions: 2 rows before, 3 now)" in lines[1]


def test_a_file_that_grew_after_the_end_is_the_same_input(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    before = read_manifest(root)["raw/three/BBB.parquet"]
    (prices / "BBB.csv").write_text(CSV + "2024-01-08,60,61,59,60,600\n")
    (prices / "CCC.csv").unlink()  # and one that is gone is done without
    lines: list[str] = []
    again = prepare_raw(universe(prices), root, now=LATER, tell=lines.append)
    assert [stored.state for stored in again] == ["stored"] * 3
    after = read_manifest(root)["raw/three/BBB.parquet"]
    assert replace(after, source_sha256=before.source_sha256) == before and before != after
    assert is_prepared(universe(prices), root)
    assert not any("has changed" in line for line in lines)


def test_an_entry_of_an_earlier_version_stays_valid(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    manifest = json.loads((root / "manifest.json").read_text())
    for entry in manifest["files"].values():
        assert len(entry.pop("source_sha256")) == 64
    (root / "manifest.json").write_text(json.dumps(manifest))
    (prices / "BBB.csv").write_text(CSV.replace("20,21,19,20", "25,26,24,25"))
    before = contents(root)
    assert is_prepared(universe(prices), root)
    assert not any(one.fresh for one in prepare_raw(universe(prices), root, now=LATER))
    assert contents(root) == before
    drawn = universe(prices, name="drawn", source="synthetic", path=None, synthetic={})
    prepare_raw(drawn, root, now=NOW)
    written = json.loads((root / "manifest.json").read_text())["files"]
    assert "source_sha256" not in written["raw/drawn/BBB.parquet"]
    assert "source_sha256" not in written["raw/three/BBB.parquet"]


def test_a_changed_file_that_is_refused_leaves_what_was_stored(prices: Path, root: Path) -> None:
    prepare_raw(universe(prices), root, now=NOW)
    before = contents(root)
    (prices / "BBB.csv").write_text(CSV.replace(",30,300", ",x,300"))
    with pytest.raises(DataError, match=r"BBB\.csv: expected a number in close; got 'x' in line 4"):
        prepare_raw(universe(prices), root, now=LATER)
    assert contents(root) == before


@pytest.mark.parametrize("was_there", [True, False])
def test_after_a_refusal_nothing_is_left(prices: Path, root: Path, was_there: bool) -> None:
    if was_there:
        root.mkdir()
        (root / ".gitkeep").touch()

    def accept(what: str, bars: pd.DataFrame) -> None:
        raise DataError(what, expected="more", got=str(len(bars)), todo="Give more.")

    one = universe(prices, tickers=("BBB",), target="BBB")
    with pytest.raises(DataError, match=r"BBB\.csv: expected more; got 3\. Give more"):
        prepare_raw(one, root, now=NOW, accept=accept)
    (prices / "BBB.csv").write_text(CSV.replace(",30,300", ",x,300"))
    with pytest.raises(DataError, match="got 'x' in line 4"):
        prepare_raw(one, root, now=NOW)
    assert [path.name for path in root.rglob("*")] == ([".gitkeep"] if was_there else [])
    assert root.exists() == was_there
