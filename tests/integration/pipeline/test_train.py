"""`train` on a real store: finals over seeds, the choice among them, and the registry."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.entities.model_registry import ModelVersion

from finscale.config import StoreError, load_space
from finscale.pipeline import train
from finscale.pipeline.problem.predictions import of_segment
from finscale.pipeline.running.progress import Progress
from finscale.tracking import (
    TEST,
    VALIDATION,
    Tag,
    cells,
    finals,
    load_trial,
    read_predictions,
    trials,
    val_curve,
)
from tests.lab import CELL, PROBLEM, Lab

MODEL, ALIAS = "patchtst-tiny-threshold_1pct-h1-daily-a20", "best-9K"

# Loads the registered model where our library cannot be imported, as a service does.
SERVE = """
import sys, warnings
sys.modules["finscale"] = None
warnings.simplefilter("ignore")
import numpy as np
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
windows = np.load(sys.argv[2])
for n in (1, 3, 7):
    np.save(f"{sys.argv[3]}/{n}.npy", model.predict(windows[:n]))
broken = windows[:3].copy()
broken[1, 0, 4] = np.nan
np.save(f"{sys.argv[3]}/nan.npy", model.predict(broken))
"""


def all_finals(lab: Lab) -> list[StoredRun]:
    return lab.runs("final")


def holder() -> ModelVersion:
    return MlflowClient().get_model_version_by_alias(MODEL, ALIAS)


def only(items: list[StoredRun]) -> StoredRun:
    (item,) = items
    return item


def selected(lab: Lab, how: str) -> list[StoredRun]:
    return [run for run in all_finals(lab) if run.data.tags.get(Tag.SELECTED) == how]


# What `train` leaves


def test_without_a_search_it_searches_first_and_says_so(trained: Lab) -> None:
    lines = (trained.folder / "lines.txt").read_text().splitlines()
    assert lines[0] == f"{CELL}: no finished search yet: searching first."
    assert len(trained.runs("hpo")) == 1 and len(trained.runs("trial")) == 2


def test_finals_are_the_best_trials_with_seeds_of_their_own(trained: Lab) -> None:
    parent = only(trained.runs("train"))
    recipe = ["d_model", "learning_rate", "weight_decay", "warmup_steps", "dropout", "revin"]
    rows = finals(parent=parent.info.run_id)
    searched = trials(cell=CELL)
    assert len(rows) == 4
    assert set(rows["seed"]) == {43, 44} and set(searched["seed"]) == {42}
    found = set(rows[recipe].itertuples(index=False, name=None))
    assert found == set(searched[recipe].itertuples(index=False, name=None))
    for run in all_finals(trained):
        assert run.info.status == "FINISHED" and run.data.tags[Tag.STATUS] == "ok"
        assert run.data.tags[Tag.CELL] == CELL and run.data.params["budget"] == "9K"


def test_a_final_predicts_validation_and_test_days(trained: Lab) -> None:
    data = trained.problem()
    for run in all_finals(trained):
        frame = read_predictions(run.info.run_id)
        validation, test = of_segment(frame, VALIDATION), of_segment(frame, TEST)
        assert list(validation["date"]) == list(data.bars.index[data.search.at.validation])
        assert list(test["date"]) == list(data.bars.index[data.search.at.test])
        assert list(frame["y"].dropna()) == list(frame["y"])
        assert test["loss"].isna().all() and frame["log_sigma"].isna().all()
        expected = run.data.metrics["val_loss"]
        assert validation["loss"].mean() == pytest.approx(expected, rel=1e-12)


def test_the_test_stays_closed(trained: Lab) -> None:
    runs = [run for kind in ("final", "baseline", "trial", "train") for run in trained.runs(kind)]
    names = {name for run in runs for name in run.data.metrics}
    assert "val_loss" in names and not [name for name in names if name.startswith("test_")]


def test_a_final_has_a_training_loss_and_keeps_its_model(trained: Lab) -> None:
    for run in all_finals(trained):
        assert 0 < run.data.metrics["train_loss"] < 2
        there = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
        assert there >= {"config.json", "weights.safetensors", "predictions.parquet"}
        model = load_trial(run.info.run_id)
        n_params = sum(weight.numel() for weight in model.parameters())
        assert n_params == run.data.metrics["n_params"]


def test_the_best_mean_is_selected_and_its_best_seed_served(trained: Lab) -> None:
    served = only(selected(trained, "served"))
    other = only(selected(trained, "configuration"))
    rejected = selected(trained, "no")
    configuration = served.data.tags[Tag.CONFIGURATION]
    assert other.data.tags[Tag.CONFIGURATION] == configuration and len(rejected) == 2
    assert served.data.metrics["val_loss"] <= other.data.metrics["val_loss"]
    kept, not_kept = (
        np.mean([run.data.metrics["val_loss"] for run in runs])
        for runs in ((served, other), rejected)
    )
    assert kept < not_kept
    assert only(trained.runs("train")).data.tags[Tag.CONFIGURATION] == configuration
    (row,) = cells(PROBLEM).to_dict("records")
    assert (row["cell"], row["n_seeds"]) == (CELL, 2)
    assert row["val_loss"] == pytest.approx(kept)


def test_a_parent_has_the_numbers_that_one_compares_cells_by(trained: Lab) -> None:
    parent, (row,) = only(trained.runs("train")), cells(PROBLEM).to_dict("records")
    numbers = parent.data.metrics
    assert parent.info.run_name == "train 9K h1 tiny"
    assert numbers["val_loss"] == pytest.approx(row["val_loss"])
    assert (numbers["n_params"], numbers["n_seeds"]) == (8849, 2)
    reference = only([r for r in all_finals(trained) if r.data.tags[Tag.SELECTED] == "served"])
    assert numbers["val_loss_ref"] == reference.data.metrics["val_loss_ref"]
    expected = 1 - numbers["val_loss"] / numbers["val_loss_ref"]
    assert numbers["val_skill"] == pytest.approx(expected)


def test_the_alias_points_to_the_served_final(trained: Lab) -> None:
    served = only(selected(trained, "served"))
    version = holder()
    assert version.run_id == served.info.run_id
    assert version.tags["configuration"] == served.data.tags[Tag.CONFIGURATION]
    assert version.tags["data_sha256"] == served.data.tags[Tag.DATA_SHA256]
    mean = cells(PROBLEM)["val_loss"].iloc[0]
    assert float(version.tags["val_loss_mean"]) == pytest.approx(mean)


def test_baselines_are_runs_of_their_own_computed_once(trained: Lab) -> None:
    rows = {run.data.tags[Tag.BASELINE]: run for run in trained.runs("baseline")}
    assert set(rows) == {"reference", "prior", "logistic", "boosting", "mlp"}
    assert len(trained.runs("baseline")) == 5
    assert rows["reference"].data.metrics["val_skill"] == 0.0
    for run in rows.values():
        assert run.data.tags[Tag.PROBLEM] == PROBLEM and Tag.PARENT not in run.data.tags
        frame = read_predictions(run.info.run_id)
        assert of_segment(frame, TEST)["loss"].isna().all()
    reference_loss = rows["reference"].data.metrics["val_loss"]
    assert {run.data.metrics["val_loss_ref"] for run in all_finals(trained)} == {reference_loss}


def test_a_service_without_our_library_gives_the_stored_predictions(
    trained: Lab, tmp_path: Path
) -> None:
    data, days = trained.problem(), trained.problem().search.at.validation[-7:]
    raw_TC = data.inputs.frame.to_numpy(dtype=np.float32)
    np.save(tmp_path / "windows.npy", np.stack([raw_TC[t - 59 : t + 1] for t in days]))
    command = [sys.executable, "-c", SERVE, f"models:/{MODEL}@{ALIAS}"]
    subprocess.run([*command, tmp_path / "windows.npy", tmp_path], check=True, timeout=120)
    frame = of_segment(read_predictions(str(holder().run_id)), VALIDATION)
    stored_N = frame["output"].to_numpy()[-7:]
    for n in (1, 3, 7):
        served_N1 = np.load(tmp_path / f"{n}.npy")
        assert served_N1.shape == (n, 1)
        np.testing.assert_allclose(served_N1[:, 0], stored_N[:n], rtol=0, atol=1e-6)
    with_nan_N = np.load(tmp_path / "nan.npy")[:, 0]
    assert math.isnan(with_nan_N[1])
    np.testing.assert_allclose(with_nan_N[[0, 2]], stored_N[[0, 2]], rtol=0, atol=1e-6)


# The same line again


def test_a_second_call_trains_nothing_and_moves_nothing(trained: Lab) -> None:
    version = holder().version
    trained.train()
    assert len(all_finals(trained)) == 4 and len(trained.runs("trial")) == 2
    assert len(trained.runs("train")) == 1 and len(trained.runs("baseline")) == 5
    assert holder().version == version
    assert trained.lines[-1].endswith(f"version {version} has this configuration already.")
    invocation = only(trained.runs("invocation"))
    assert invocation.data.tags[Tag.PARENT] == only(trained.runs("train")).info.run_id


def test_more_seeds_go_under_the_same_parent(trained: Lab) -> None:
    trained.train(top_k=1, n_seeds=3)
    parent = only(trained.runs("train"))
    rows = finals(parent=parent.info.run_id)
    assert len(rows) == 5 and set(rows["seed"]) == {43, 44, 45}
    assert parent.data.tags[Tag.TARGETS] == "n_trials=2 top_k=1 n_seeds=3"


def test_an_earlier_choice_is_one_no_more(trained: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = selected(trained, "served")[0].data.tags[Tag.CONFIGURATION]
    found = train.own_trials
    monkeypatch.setattr(train, "own_trials", lambda *of: found(*of).tail(1))
    trained.train()
    monkeypatch.setattr(train, "own_trials", lambda *of: found(*of).head(1))
    trained.train()
    configurations = {run.data.tags[Tag.CONFIGURATION] for run in selected(trained, "served")}
    assert len(selected(trained, "served")) == 1 and len(configurations) == 1
    assert len(selected(trained, "no")) == 2
    assert kept in {run.data.tags[Tag.CONFIGURATION] for run in all_finals(trained)}


def test_a_stopped_final_goes_on_under_its_run(searched: Lab) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.text.startswith("seed 43, epoch 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched.train(top_k=1, n_seeds=1, listen=stop)
    final, parent = only(all_finals(searched)), only(searched.runs("train"))
    assert (final.info.status, parent.info.status) == ("KILLED", "KILLED")
    assert Tag.STATUS not in final.data.tags and Tag.STATUS not in parent.data.tags
    searched.train(top_k=1, n_seeds=1)
    again = only(all_finals(searched))
    assert again.info.run_id == final.info.run_id and again.info.status == "FINISHED"
    history = MlflowClient().get_metric_history(again.info.run_id, "epoch/val_loss")
    assert [point.step for point in history] == [1, 2]
    assert again.data.metrics["val_loss"] == pytest.approx(min(val_curve(again.info.run_id)))


def test_a_stop_while_more_is_trained_leaves_no_finished_parent(trained: Lab) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.text.startswith("seed 45"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained.train(n_seeds=3, listen=stop)
    parent = only(trained.runs("train"))
    assert parent.info.status == "KILLED" and Tag.STATUS not in parent.data.tags


def test_a_final_that_failed_is_trained_by_the_same_line(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("finscale.pipeline.problem.fitting.fit_together", no_room)
    with pytest.raises(MemoryError):
        searched.train(top_k=1, n_seeds=1)
    failed = only(all_finals(searched))
    assert (failed.info.status, failed.data.tags[Tag.REASON]) == ("FAILED", "out_of_memory")
    monkeypatch.undo()
    searched.train(top_k=1, n_seeds=1)
    assert [run.data.tags[Tag.STATUS] for run in all_finals(searched)] == ["failed", "ok"]
    assert len(finals(cell=CELL)) == 1 and holder().run_id == all_finals(searched)[1].info.run_id


def test_a_cell_of_which_every_final_diverged_is_one_line(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.training.loop.learning_rate_factor", lambda *_: float("nan"))
    with pytest.raises(StoreError, match=rf"finals of {CELL}: expected at least one that did not"):
        searched.train(top_k=1, n_seeds=2)
    assert [run.data.tags[Tag.STATUS] for run in all_finals(searched)] == ["diverged"] * 2
    assert {run.info.status for run in all_finals(searched)} == {"FAILED"}
    assert only(searched.runs("train")).info.status == "FAILED"


def test_a_result_of_a_neighbouring_budget_is_not_trained_twice(searched: Lab) -> None:
    pinned: dict[str, Any] = {
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "dropout": 0.0,
        "warmup_steps": 20,
        "n_trials": 1,
        "top_k": 1,
        "n_seeds": 1,
    }
    searched.train(budget="8K", **pinned)
    first = only(all_finals(searched))
    searched.delete(only(searched.runs("hpo", CELL=CELL)).info.run_id)
    searched.train(budget="9K", **pinned)
    assert only(all_finals(searched)).info.run_id == first.info.run_id
    assert holder().run_id == first.info.run_id


def test_the_perceptron_has_a_progress_of_its_own(searched: Lab) -> None:
    told: list[Progress] = []

    def listen(event: object) -> None:
        if isinstance(event, Progress):
            told.append(event)

    searched.train(top_k=1, n_seeds=1, listen=listen)
    beside = [event for event in told if event.key == f"{CELL} perceptron"]
    assert [(event.done, event.total) for event in beside] == [(0, 2), (1, 2), (2, 2), (2, 2)]
    finals = [event for event in told if event.key == f"{CELL} finals"]
    ends = [event.text for event in finals if event.done >= event.total]
    assert len(ends) == 3 and ends[1:] == ["seed 43, scoring", "seed 43, done"]


# Mistakes


def test_searches_with_other_values_are_listed(searched: Lab) -> None:
    search = only(searched.runs("hpo"))
    with pytest.raises(StoreError) as mistake:
        searched.train(epochs=1)
    line = mistake.value.line
    assert f"expected one for {CELL} with the values given" in line
    assert f"got only epochs=2 instead of 1 (run {search.info.run_id}). Give the values" in line
    parent = only(searched.runs("train"))
    assert parent.info.status == "FAILED" and line in parent.data.tags[Tag.NOTE]
    assert all_finals(searched) == [] and len(searched.runs("trial")) == 2


def test_a_search_of_another_space_is_no_match(searched: Lab) -> None:
    with pytest.raises(StoreError, match="space=demo instead of default"):
        searched.train(space=load_space("default"))
    assert all_finals(searched) == []


def test_a_search_without_a_loss_is_one_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.training.loop.learning_rate_factor", lambda *_: float("nan"))
    with pytest.raises(StoreError, match=r"expected at least one trial that finished with a loss"):
        lab.train(n_trials=1)
    assert [run.data.tags[Tag.STATUS] for run in lab.runs("trial")] == ["diverged"]


# The registry


def test_a_higher_mean_moves_nothing(trained: Lab) -> None:
    version = holder()
    MlflowClient().set_model_version_tag(MODEL, version.version, "val_loss_mean", "0.01")
    trained.train(top_k=1, n_seeds=2)
    assert holder().version == version.version
    assert trained.lines[-1].endswith("has a mean of 0.0100 nats, not higher.")


def test_a_lower_mean_moves_the_alias(trained: Lab) -> None:
    first = holder()
    MlflowClient().set_model_version_tag(MODEL, first.version, "val_loss_mean", "0.99")
    trained.train(top_k=1, n_seeds=2)
    assert int(holder().version) == int(first.version) + 1
    assert pd.notna(holder().tags["val_loss_mean"])
