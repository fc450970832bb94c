"""Other splits and tasks on a real store: walk-forward, returns, diagnostics, and what is refused.

`TINY` runs from 2010 to 2016; here its last three years are forecast in three blocks.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.config import ConfigError, RefusedError
from finscale.evaluation import conformal_multiplier, gaussian_nll, selection_optimism
from finscale.pipeline.problem.fitting import served
from finscale.pipeline.problem.predictions import of_segment
from finscale.tracking import TEST, VALIDATION, Tag, load_trial, outputs_of, read_predictions
from tests.lab import TINY, Lab, MakeStore, OpenCopy

START = date(2014, 1, 2)
FORWARD = TINY.model_copy(update={"evaluation_start": START})
WALK: dict[str, Any] = {
    "universe": FORWARD,
    "split": "walk-forward",
    "n_blocks": 3,
    "task": "threshold_0p5pct",
}
RETURNS = WALK | {"task": "regression"}


@pytest.fixture(scope="module")
def forward_store(make_store: MakeStore) -> Path:
    """Walk-forward finals of a threshold and of returns: one configuration, two seeds each."""

    def fill(lab: Lab) -> None:
        lab.train(**WALK, top_k=1)
        lab.train(**RETURNS, top_k=1)

    return make_store("forward", fill)


@pytest.fixture
def forward(forward_store: Path, open_copy: OpenCopy) -> Lab:
    return open_copy(forward_store)


def finals_of(lab: Lab, task: str) -> list[StoredRun]:
    return [run for run in lab.runs("final") if run.data.params["task"] == task]


# Walk-forward


def test_no_choice_has_seen_an_evaluated_day(forward: Lab) -> None:
    """The search's labels end before the evaluation starts: those of trials, and of the choice."""
    for run in forward.runs("trial"):
        frame = read_predictions(run.info.run_id)
        assert set(frame["segment"]) == {VALIDATION} and frame["loss"].notna().all()
        assert frame["date"].max() < pd.Timestamp(START)
    for run in forward.runs("final"):
        frame = read_predictions(run.info.run_id)
        seen = frame[frame["loss"].notna()]
        assert seen["date"].max() < pd.Timestamp(START) and set(seen["block"]) == {0}
        assert run.data.metrics["val_loss"] == pytest.approx(seen["loss"].mean(), rel=1e-12)
        assert run.data.metrics["n_val"] == len(seen)


def test_each_block_is_forecast_by_a_model_of_its_own(forward: Lab) -> None:
    data = forward.problem(**WALK)
    assert len(data.folds) == 3
    for run in finals_of(forward, "threshold_0p5pct"):
        test = of_segment(read_predictions(run.info.run_id), TEST)
        assert test["date"].is_unique and test["date"].is_monotonic_increasing
        for block, fold in enumerate(data.folds):
            mine = test[test["block"] == block]
            assert list(mine["date"]) == list(data.bars.index[fold.at.test])
        assert run.data.metrics["epochs_run"] == 3 * 2
        history = MlflowClient().get_metric_history(run.info.run_id, "epoch/train_loss")
        assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]


def test_losses_on_evaluated_days_are_logged_and_said_nowhere(forward: Lab) -> None:
    """A later block stops early by days that an earlier one is judged on."""
    for run in forward.runs("final"):
        history = MlflowClient().get_metric_history(run.info.run_id, "epoch/val_loss")
        assert [point.step for point in history] == [1, 2]
    told: list[str] = []
    forward.train(
        **WALK, top_k=1, n_seeds=3, listen=lambda event: told.append(getattr(event, "text", ""))
    )
    later = [text for text in told if "block 2 of 3" in text or "block 3 of 3" in text]
    assert len(later) == 4 and not [text for text in later if "nats" in text]


def test_the_model_of_the_last_block_is_kept_and_served(forward: Lab) -> None:
    data = forward.problem(**WALK)
    (run,) = forward.runs("final", SELECTED="served", PROBLEM=data.problem.problem_name)
    last = data.folds[-1]
    model = served(load_trial(run.info.run_id), last)
    raw_TC = data.inputs.frame.to_numpy(dtype=np.float32)
    days = last.at.test[:7]
    windows = torch.tensor(np.stack([raw_TC[t - 59 : t + 1] for t in days]))
    stored = of_segment(read_predictions(run.info.run_id), TEST)
    stored_N = stored[stored["block"] == 2]["output"].to_numpy()[:7]
    np.testing.assert_allclose(model(windows).detach().numpy()[:, 0], stored_N, atol=1e-9)


def test_every_baseline_forecasts_the_same_samples(forward: Lab) -> None:
    name = forward.problem(**WALK).problem.problem_name
    frames = {
        run.data.tags[Tag.BASELINE]: read_predictions(run.info.run_id)
        for run in forward.runs("baseline", PROBLEM=name)
    }
    assert set(frames) == {"reference", "prior", "logistic", "boosting", "mlp"}
    final = read_predictions(finals_of(forward, "threshold_0p5pct")[0].info.run_id)
    for frame in frames.values():
        pd.testing.assert_frame_equal(
            frame[["date", "block", "segment", "y"]], final[["date", "block", "segment", "y"]]
        )
    prior = frames["prior"]  # the base rate of a longer past, block by block
    assert prior.groupby("block")["output"].nunique().tolist() == [1, 1, 1]
    assert prior["output"].nunique() == 3


def test_a_universe_must_say_when_evaluation_starts(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="a universe that says when evaluation starts"):
        lab.train(**(WALK | {"universe": TINY}))


def test_another_start_is_another_problem(forward: Lab) -> None:
    later = FORWARD.model_copy(update={"evaluation_start": date(2014, 6, 2)})
    ours, theirs = (forward.problem(**(WALK | {"universe": u})) for u in (FORWARD, later))
    assert ours.identity() != theirs.identity()


# Returns


def test_a_return_forecast_is_a_mean_and_a_log_sigma(forward: Lab) -> None:
    for run in finals_of(forward, "regression"):
        frame = read_predictions(run.info.run_id)
        assert outputs_of(frame).shape == (len(frame), 2)
        assert frame["y"].abs().max() < 0.2 and frame["y"].nunique() > 100
        seen = frame[frame["loss"].notna()]
        loss = gaussian_nll(seen["y"], seen["output"], seen["log_sigma"])
        np.testing.assert_allclose(seen["loss"], loss, rtol=1e-12)
        assert run.data.metrics["val_loss"] == pytest.approx(loss.mean(), rel=1e-12)
        # The curve is in the labels' units too; its last kept point is the float32 twin.
        history = MlflowClient().get_metric_history(run.info.run_id, "epoch/val_loss")
        first = [point.value for point in history if point.step <= 2]
        assert min(first) == pytest.approx(loss.mean(), abs=1e-3)


def test_a_return_forecast_has_scores_of_its_own(forward: Lab) -> None:
    for run in (*finals_of(forward, "regression"), *forward.runs("baseline", BASELINE="linear")):
        names = set(run.data.metrics)
        assert names >= {"val_mae", "val_rmse", "val_coverage", "val_interval_width", "val_skill"}
        assert not names & {"val_auc", "val_brier", "val_ece", "n_val_positive", "val_base_rate"}


def test_what_is_served_speaks_in_returns(forward: Lab) -> None:
    data = forward.problem(**RETURNS)
    run = finals_of(forward, "regression")[0]
    model = served(load_trial(run.info.run_id), data.folds[-1])
    raw_TC = data.inputs.frame.to_numpy(dtype=np.float32)
    days = data.folds[-1].at.test[-5:]
    windows = torch.tensor(np.stack([raw_TC[t - 59 : t + 1] for t in days]))
    stored = of_segment(read_predictions(run.info.run_id), TEST)
    np.testing.assert_allclose(
        model(windows).detach().numpy(), outputs_of(stored)[-5:], rtol=0, atol=1e-9
    )


def test_intervals_are_widened_by_what_validation_of_the_block_needed(forward: Lab) -> None:
    forward.analyze(**RETURNS, allow_partial="true")
    for run in finals_of(forward, "regression"):
        frame = read_predictions(run.info.run_id)
        validation, test = of_segment(frame, VALIDATION), of_segment(frame, TEST)
        covered = []
        for block in range(3):
            before = validation[validation["block"] == block]
            ahead = test[test["block"] == block]
            half = conformal_multiplier(before["y"], before["output"], before["log_sigma"])
            reach = half * np.exp(ahead["log_sigma"])
            covered.extend((ahead["y"] - ahead["output"]).abs() <= reach)
        again = MlflowClient().get_run(run.info.run_id).data.metrics
        assert again["test_coverage"] == pytest.approx(np.mean(covered), rel=1e-12)
        assert "test_base_rate" not in again and again["n_test"] == len(test)


# Selection


def test_a_search_says_how_much_its_choice_flatters(forward: Lab) -> None:
    for parent in forward.runs("hpo"):
        below = forward.runs("trial", PARENT=parent.info.run_id)
        losses = [read_predictions(run.info.run_id)["loss"].to_numpy() for run in below]
        expected = selection_optimism(np.stack(losses), 1, np.random.default_rng(42))
        assert parent.data.metrics["selection_optimism"] == pytest.approx(expected, rel=1e-9)
        assert expected >= 0.0
        assert "because it was selected" in parent.data.tags[Tag.NOTE]


def test_a_grown_search_measures_it_anew(forward: Lab) -> None:
    parent = forward.hpo(**WALK, n_trials=3)
    history = MlflowClient().get_metric_history(parent.run_id, "selection_optimism")
    assert [point.step for point in history] == [2, 3]


# The perceptron and the notes


def test_the_perceptron_is_as_large_as_the_model_beside_it(forward: Lab) -> None:
    chosen = {run.data.tags[Tag.CONFIGURATION]: run for run in forward.runs("final")}
    runs = forward.runs("baseline", BASELINE="mlp")
    assert len(runs) == 2
    for run in runs:
        final = chosen[run.data.tags[Tag.CONFIGURATION]]
        assert run.data.tags[Tag.CELL] == final.data.tags[Tag.CELL]
        n_params = final.data.metrics["n_params"]
        one_unit = 60 * 25 + 2
        assert abs(run.data.metrics["n_params"] - n_params) <= one_unit
        assert run.data.params["learning_rate"] == final.data.params["learning_rate"]


def test_a_final_that_does_not_beat_the_reference_says_so(forward: Lab) -> None:
    for run in finals_of(forward, "regression"):  # two epochs teach nothing
        reference = run.data.metrics["val_loss_ref"]
        assert run.data.metrics["val_loss"] > reference
        note = run.data.tags[Tag.NOTE]
        assert f"does **not** beat the reference forecast ({reference:.4f})" in note
        assert "Test" not in note
    forward.analyze(**RETURNS, allow_partial="true")
    for run in finals_of(forward, "regression"):
        assert "- **Test**: " in run.data.tags[Tag.NOTE]


# Refused


@pytest.mark.parametrize(
    ("changes", "figure"),
    [
        # 2010 to 2016 hold 26 chunks of 61 bars: 15 % of them, one sample each.
        ({"split": "chunk", "samples_per_chunk": "one"}, r"n_validation: .*; got 4"),
        ({"task": "threshold_5pct"}, r"n_minority: expected at least 20, the floor; got 0"),
        ({"horizon": 5}, r"n_effective: expected at least 60, the floor; got 49"),
    ],
)
def test_a_cell_below_a_floor_is_refused_and_nothing_is_trained(
    lab: Lab, changes: dict[str, Any], figure: str
) -> None:
    with pytest.raises(RefusedError, match=figure):
        lab.train(**changes)
    assert lab.runs("trial") == [] and lab.runs("baseline") == [] and lab.runs("train") == []


@pytest.mark.parametrize("split", ["chunk", pytest.param("cpcv", marks=pytest.mark.slow)])
def test_a_diagnostic_split_trains_and_leaves_the_test_closed(lab: Lab, split: str) -> None:
    lab.train(split=split, task="direction", top_k=1, n_seeds=3, n_trials=1)
    lab.analyze(split=split, task="direction")
    assert "gate diagnostic split" in lab.lines[-1] and "stays closed" in lab.lines[-1]
    assert not [run for run in lab.runs("final") if "test_loss" in run.data.metrics]
    if split == "cpcv":  # every day is forecast by as many models as there are pairs with it
        lab.analyze(split=split, task="direction", allow_partial="true")
        (final, *_) = lab.runs("final")
        test = of_segment(read_predictions(final.info.run_id), TEST)
        assert set(test.groupby("date").size()) == {5}
        assert final.data.metrics["n_test"] == test["date"].nunique()
