"""Universes of several tickers, VIX, coarser bars and larger tiers, from bars to trials."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finscale.config import DataConfig, DataError, Universe, load_universe
from finscale.dataset import prepare_inputs
from finscale.market import load_bars, prepare_raw, read_manifest
from finscale.pipeline.data import data
from finscale.pipeline.problem.baselines import ensure_baselines
from finscale.tracking import Tag
from tests.lab import TINY, Lab

NOW = datetime(2026, 1, 5, tzinfo=UTC)
POOLED = TINY.model_copy(update={"name": "pooled", "tickers": ("^IXIC", "^GSPC")})
WITH_VIX = load_universe("sp500-vix")


def pooled_problem(lab: Lab, root: Path, **changes: Any) -> Any:
    return lab.problem(universe=POOLED, data_root=root, **changes)


def test_a_pooled_problem_trains_on_both_and_evaluates_the_target(lab: Lab, tmp_path: Path) -> None:
    alone, pooled = lab.problem(), pooled_problem(lab, tmp_path)
    n = len(alone.bars)
    own, joined = alone.search.at, pooled.search.at
    np.testing.assert_array_equal(joined.validation, own.validation)
    np.testing.assert_array_equal(joined.test, own.test)
    np.testing.assert_array_equal(joined.train[joined.train < n], own.train)
    # Both indices have the same sessions; the last label before the evaluation is left out.
    assert len(joined.train) == 2 * len(own.train) - 1 == pooled.sample_metrics()["n_train"]
    assert pooled.sample_metrics()["n_val"] == alone.sample_metrics()["n_val"]
    np.testing.assert_array_equal(pooled.search.scaled()[:n], alone.search.scaled())
    first_evaluated = pooled.bars.index[joined.validation[0] + 1]
    ends = pooled.dates_T[joined.train + 1]
    assert ends.max() < first_evaluated.to_datetime64()
    assert pooled.inputs.data_sha256 == alone.inputs.data_sha256
    assert pooled.inputs.dataset_sha256 != alone.inputs.dataset_sha256
    np.testing.assert_array_equal(pooled.labels_T[n:], alone_labels("^IXIC", tmp_path))


def test_the_bars_of_a_problem_are_read_once(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled_problem(lab, tmp_path)
    read: list[str] = []
    from_file = pd.read_parquet

    def noted(path: Path, **options: Any) -> pd.DataFrame:
        read.append(Path(path).parent.parent.name)
        return from_file(path, **options)

    monkeypatch.setattr(pd, "read_parquet", noted)
    pooled_problem(lab, tmp_path)
    assert read.count("raw") == 2, "one file for each ticker"


def alone_labels(ticker: str, root: Path) -> np.ndarray[Any, Any]:
    from finscale.dataset import make_labels

    return make_labels(load_bars(POOLED, root, ticker), "threshold_1pct", 1).to_numpy()


def test_a_pooled_universe_is_searched_trained_and_scored(lab: Lab, tmp_path: Path) -> None:
    root = tmp_path / "data"
    run = lab.hpo(universe=POOLED, data_root=root)
    trials = lab.runs("trial")
    assert len(trials) == 2 and all(trial.info.status == "FINISHED" for trial in trials)
    problem = pooled_problem(lab, root)
    for trial in trials:
        assert trial.data.metrics["n_train"] == len(problem.search.at.train)
        assert trial.data.tags[Tag.PROBLEM] == "pooled.threshold_1pct.h1.daily.a20"
        assert trial.data.tags[Tag.DATASET_SHA256] == problem.inputs.dataset_sha256
    assert lab.run(run.run_id).info.status == "FINISHED"
    lab.train(universe=POOLED, data_root=root)
    finals = lab.runs("final")
    assert len(finals) == 4 and {final.info.status for final in finals} == {"FINISHED"}
    lines = "\n".join(lab.lines)
    assert "^GSPC: computing a20 (1 of 2)" in lines and "^IXIC: computing a20 (2 of 2)" in lines


def test_prior_and_reference_know_the_target_alone(lab: Lab, tmp_path: Path) -> None:
    alone = ensure_baselines(lab.problem())
    pooled = ensure_baselines(pooled_problem(lab, tmp_path))
    for name in ("prior", "reference"):
        assert pooled[name].val_loss == pytest.approx(alone[name].val_loss, rel=1e-9)
    for name in ("logistic", "boosting"):
        assert pooled[name].val_loss != pytest.approx(alone[name].val_loss, rel=1e-6)
        assert 0.1 < pooled[name].val_loss < 0.9


def test_a_pooled_walk_forward_keeps_every_block_apart(lab: Lab, tmp_path: Path) -> None:
    universe = POOLED.model_copy(update={"evaluation_start": date(2015, 6, 1)})
    problem = lab.problem(
        universe=universe, data_root=tmp_path, split="walk-forward", n_blocks=2, horizon=2
    )
    assert len(problem.folds) == 2 and problem.search is not problem.folds[0]
    for fold in (*problem.folds, problem.search):
        begins = problem.bars.index[fold.at.validation[0] + 1].to_datetime64()
        assert problem.dates_T[fold.at.train + 2].max() < begins
        scaled_TC = fold.scaled()
        assert scaled_TC.shape == (len(problem.dates_T), 25)
        assert np.isfinite(scaled_TC[fold.at.train]).all()
    # Another fold has another scale; the one asked for again is made again, the same.
    first = problem.folds[0].scaled()
    assert not np.array_equal(first, problem.folds[1].scaled(), equal_nan=True)
    np.testing.assert_array_equal(first, problem.folds[0].scaled())


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"feature_tier": "a50"}, 55),
        ({"timescale": "daily+multi"}, 39),
        ({"timescale": "2d"}, 25),
    ],
)
def test_tiers_and_timescales_reach_a_problem(
    lab: Lab, tmp_path: Path, changes: dict[str, Any], columns: int
) -> None:
    universe = load_universe("nasdaq")
    problem = lab.problem(universe=universe, data_root=tmp_path, **changes)
    assert problem.n_channels == columns == problem.params()["n_features"]
    assert np.isfinite(problem.search.scaled()[problem.search.at.train]).all()
    middle = f".{changes.get('timescale', 'daily')}.{changes.get('feature_tier', 'a20')}"
    assert problem.problem.problem_name == f"nasdaq.threshold_1pct.h1{middle}"


def test_the_vix_adds_eight_channels_and_a_part_of_the_name(lab: Lab, tmp_path: Path) -> None:
    problem = lab.problem(universe=WITH_VIX, data_root=tmp_path, vix=True, task="threshold_0p5pct")
    assert problem.n_channels == 33 and problem.params()["vix"] is True
    assert problem.problem.problem_name == "sp500-vix.threshold_0p5pct.h1.daily.a20.vix"
    assert problem.inputs.path.name.startswith("sp500-vix-daily-a20-vix-")
    names = problem.inputs.frame.columns[25:]
    assert names.to_list()[0] == "vix_close" and len(names) == 8
    vix = load_bars(WITH_VIX, tmp_path, "^VIX")["close"]
    seen = problem.inputs.frame["vix_close"]
    # Its 46 missing rows are holidays.
    np.testing.assert_allclose(seen, vix[seen.index] / 100)


def test_a_vix_that_does_not_reach_back_is_one_line(lab: Lab, tmp_path: Path) -> None:
    said = r"the VIX: expected values from 1999-01-04 to 2018-12-31, .* got 2014-01-03"
    with pytest.raises(DataError, match=said):
        lab.problem(universe=load_universe("sp500"), data_root=tmp_path, vix=True)


def test_monthly_bars_are_too_few(lab: Lab, tmp_path: Path) -> None:
    from finscale.config import FinscaleError

    with pytest.raises(FinscaleError, match=r"expected .*; got"):
        lab.problem(universe=load_universe("sp500"), data_root=tmp_path, timescale="monthly")


def test_pools_of_the_same_bars_about_another_target_are_other_problems(
    lab: Lab, tmp_path: Path
) -> None:
    one = pooled_problem(lab, tmp_path)
    other = lab.problem(universe=POOLED.model_copy(update={"target": "^IXIC"}), data_root=tmp_path)
    assert one.inputs.dataset_sha256 == other.inputs.dataset_sha256
    assert one.problem.problem_name == other.problem.problem_name
    assert one.identity() != other.identity()
    # Of a ticker alone the digest says it: identities stay what they were.
    assert lab.problem().identity()["target"] is None


def test_the_order_of_tickers_changes_nothing(tmp_path: Path) -> None:
    tickers, made = ("^GSPC", "^IXIC", "^VIX"), []
    for order in (tickers, tickers[::-1]):
        universe = WITH_VIX.model_copy(update={"name": "pooled", "tickers": order})
        prepare_raw(universe, tmp_path, now=NOW)
        made.append(prepare_inputs(universe, "a20", "daily", tmp_path, now=NOW))
    assert [one.ticker for one in made[0].pool] == ["^IXIC", "^VIX"]
    assert [one.ticker for one in made[1].pool] == ["^IXIC", "^VIX"]
    assert made[0].dataset_sha256 == made[1].dataset_sha256


def test_a_volatility_index_that_is_pooled_too_has_another_digest(tmp_path: Path) -> None:
    digests = []
    for tickers in (("^GSPC",), ("^GSPC", "^VIX")):
        universe = WITH_VIX.model_copy(update={"tickers": tickers})
        prepare_raw(universe, tmp_path, now=NOW, vix=True)
        inputs = prepare_inputs(universe, "a20", "daily", tmp_path, now=NOW, vix=True)
        digests.append(inputs.dataset_sha256)
        assert len(inputs.pool) == len(tickers) - 1
    assert digests[0] != digests[1]


def test_a_ticker_that_is_too_short_is_named(tmp_path: Path) -> None:
    # The bundled VIX begins in 2014, the index in 2010.
    universe = POOLED.model_copy(
        update={"tickers": ("^GSPC", "^VIX"), "end": date(2014, 6, 30), "vix": None}
    )
    prepare_raw(universe, tmp_path, now=NOW)
    with pytest.raises(DataError, match=r"bars of \^VIX for features .* more than 199 daily bars"):
        prepare_inputs(universe, "a20", "daily", tmp_path, now=NOW)


def test_a_larger_universe_builds_only_the_new_ticker(tmp_path: Path) -> None:
    for universe, fresh in ((POOLED, [True, True]), (POOLED, [False, False])):
        prepare_raw(universe, tmp_path, now=NOW)
        inputs = prepare_inputs(universe, "a20", "daily", tmp_path, now=NOW)
        assert inputs.fresh == any(fresh)
        assert [ticker.fresh for ticker in inputs.pool] == fresh[1:]
    entries = read_manifest(tmp_path)
    (name,) = [name for name in entries if "-IXIC-" in name]
    assert entries[name].source == "raw/pooled/IXIC.parquet"
    frame = inputs.pool[0].read()
    pd.testing.assert_index_equal(frame.index, load_bars(POOLED, tmp_path, "^IXIC").index)


def test_a_universe_of_which_one_ticker_fails_keeps_the_rest_and_goes_on(
    lab: Lab, tmp_path: Path
) -> None:
    rows = load_universe("sp500")
    prepare_raw(rows, tmp_path / "source", now=NOW)
    bars = load_bars(rows, tmp_path / "source").loc["2010":"2016"]  # type: ignore[misc]
    folder = tmp_path / "mine"
    folder.mkdir()
    bars.to_csv(folder / "AAA.csv")
    values = TINY.model_dump() | {
        "name": "mine", "source": "csv", "path": str(folder), "target": "AAA",
        "tickers": ("AAA", "BBB"),
    }  # fmt: skip
    universe, root = Universe(**values), tmp_path / "data"
    with pytest.raises(DataError, match=r"BBB.*got no such file"):
        data(DataConfig(universe=universe, data_root=root), listen=lab.listen)
    assert list(read_manifest(root)) == ["raw/mine/AAA.parquet"]
    assert not (root / "processed").exists()
    (failed,) = lab.runs("data")
    assert failed.info.status == "FAILED"
    written = (root / "raw/mine/AAA.parquet").stat().st_mtime_ns
    bars.to_csv(folder / "BBB.csv")
    data(DataConfig(universe=universe, data_root=root), listen=lab.listen)
    assert lab.lines[-1].startswith("mine is prepared.")
    assert (root / "raw/mine/AAA.parquet").stat().st_mtime_ns == written
    assert len(read_manifest(root)) == 4
