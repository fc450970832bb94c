"""Processed inputs: written once, found again, verified."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finscale.config import ConfigError, DataError, Universe
from finscale.dataset import build_features, dataset_sha256, prepare_inputs, to_stationary
from finscale.dataset.processed import TickerInputs
from finscale.market import bars_sha256, load_bars, prepare_raw, read_manifest

NOW = datetime(2025, 6, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Universe, Path]:
    rng = np.random.default_rng(7)
    dates = pd.bdate_range("2020-01-01", periods=241)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.01, 241)))
    table = pd.DataFrame({"Date": dates.strftime("%Y-%m-%d"), "Open": close, "Close": close})
    table = table.assign(High=close * 1.01, Low=close * 0.99, Volume=1000)
    table.to_csv(tmp_path / "ABC.csv", index=False)
    universe = Universe(
        name="mine",
        source="csv",
        path=str(tmp_path),
        target="ABC",
        tickers=("ABC",),
        start=date(2020, 1, 1),
        train_end=date(2020, 10, 1),
        validation_end=date(2020, 11, 1),
        end=date(2020, 12, 1),
    )
    prepare_raw(universe, tmp_path / "data", now=NOW)
    return universe, tmp_path / "data"


def test_inputs_are_the_stationary_features_of_the_target(stored: tuple[Universe, Path]) -> None:
    universe, root = stored
    inputs = prepare_inputs(universe, "a20", "daily", root, now=NOW)
    bars = load_bars(universe, root)
    expected = to_stationary(build_features(bars, "a20"), "a20")
    pd.testing.assert_frame_equal(inputs.frame, expected, check_exact=True)
    assert inputs.fresh
    assert inputs.data_sha256 == bars_sha256(bars, universe.end)
    assert (
        inputs.path == root / "processed" / f"mine-daily-a20-{inputs.dataset_sha256[:12]}.parquet"
    )
    entry = read_manifest(root)[f"processed/{inputs.path.name}"]
    assert (entry.source, entry.rows) == ("raw/mine/ABC.parquet", len(bars))
    assert entry.values_sha256 == inputs.dataset_sha256


def test_a_second_call_reads_the_same_file(stored: tuple[Universe, Path]) -> None:
    universe, root = stored
    first = prepare_inputs(universe, "a20", "daily", root, now=NOW)
    written = first.path.stat().st_mtime_ns
    again = prepare_inputs(universe, "a20", "daily", root, now=NOW)
    assert not again.fresh and again.dataset_sha256 == first.dataset_sha256
    assert first.path.stat().st_mtime_ns == written
    pd.testing.assert_frame_equal(again.frame, first.frame, check_exact=True)


def test_inputs_and_bars_have_one_index(stored: tuple[Universe, Path]) -> None:
    universe, root = stored
    daily = prepare_inputs(universe, "a20", "daily", root, now=NOW)
    assert daily.bars.index.equals(daily.frame.index)
    other = TickerInputs("ABC", daily.path, 240, fresh=False, bars=daily.bars.iloc[1:])
    with pytest.raises(AssertionError, match="of the same bars"):
        other.read()


def test_a_changed_file_is_refused_until_it_is_deleted(stored: tuple[Universe, Path]) -> None:
    universe, root = stored
    path = prepare_inputs(universe, "a20", "daily", root, now=NOW).path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"Delete {path}: the next run builds it again"):
        prepare_inputs(universe, "a20", "daily", root, now=NOW)
    path.unlink()
    assert prepare_inputs(universe, "a20", "daily", root, now=NOW).fresh


def test_digest_is_of_the_canonical_json() -> None:
    text = (
        '{"data":{"ABC":"0123","XYZ":"4567"},"feature_tier":"a20","feature_version":"1",'
        '"timescale":"daily"}'
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert dataset_sha256({"XYZ": "4567", "ABC": "0123"}, "a20", "daily", "1") == expected
    assert dataset_sha256({"ABC": "0123"}, "a20", "daily") != expected
    assert dataset_sha256({"XYZ": "4567", "ABC": "0123"}, "a20", "daily", "2") != expected


def test_unknown_names_are_refused(stored: tuple[Universe, Path]) -> None:
    universe, root = stored
    with pytest.raises(ConfigError, match=r"timescale: expected one of daily, 2d, .*; got 'dayly'"):
        prepare_inputs(universe, "a20", "dayly", root, now=NOW)
    with pytest.raises(ConfigError, match="feature_tier"):
        prepare_inputs(universe, "b20", "daily", root, now=NOW)


def test_missing_bars_say_the_line_to_run(stored: tuple[Universe, Path], tmp_path: Path) -> None:
    universe, _ = stored
    with pytest.raises(DataError, match=r"Run: mlflow run . -e data -P universe=mine"):
        prepare_inputs(universe, "a20", "daily", tmp_path / "empty", now=NOW)
