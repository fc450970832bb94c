"""`hpo` on a real store: the contract of its runs, and what becomes of an interrupted search."""

from __future__ import annotations

import signal
from typing import Any

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.config import Floors, RefusedError, StoreError, load_space, load_task
from finscale.evaluation import score
from finscale.model import count_params
from finscale.pipeline.problem.identity import search_identity
from finscale.pipeline.running.progress import Progress
from finscale.tracking import (
    Kind,
    Tag,
    create_run,
    handle,
    load_trial,
    mark_failed,
    read_text,
    trials,
    val_curve,
)
from finscale.training import bce_loss, make_samples, predict
from tests.lab import CELL, PROBLEM, TINY, Lab, dead_lease, living_lease

COORDINATES = {
    "universe": "tiny",
    "ticker": "^GSPC",
    "task": "threshold_1pct",
    "horizon": "1",
    "timescale": "daily",
    "feature_tier": "a20",
    "vix": "False",
    "n_features": "25",
    "context_length": "60",
    "patch_length": "10",
    "patch_stride": "5",
    "task_kind": "threshold",
    "rise": "0.01",
    "label_price": "high",
    "split": "chronological",
    "budget": "9K",
    "seed": "42",
    "d_model": "16",
    "n_layers": "2",
    "n_heads": "2",
    "d_ff": "32",
    "batch_size": "128",
    "epochs": "2",
    "revin": "False",
}
SEARCHED_PARAMS = {
    *("dropout", "learning_rate", "weight_decay", "warmup_steps", "max_steps", "precision"),
}
METRICS = {
    *("val_loss", "val_loss_ref", "val_skill", "val_auc", "val_brier", "val_accuracy"),
    *("val_precision", "val_recall", "val_f1", "val_ece", "val_pred_std"),
    *("n_params", "n_params_embedding", "n_params_encoder", "n_params_head"),
    *("n_train", "n_val", "n_val_positive", "n_val_effective"),
    *("train_base_rate", "val_base_rate"),
    *("train_flops", "samples_per_second", "peak_memory_bytes", "wall_time_s"),
    *("epochs_run", "best_epoch", "micro_batch_size"),
}
UNDEFINED = {"val_precision", "val_f1"}  # where a model never says one: not logged
CURVES = {
    *("epoch/train_loss", "epoch/val_loss", "epoch/learning_rate"),
    *("epoch/samples_per_second", "epoch/flops_per_second", "epoch/matrix_share"),
}


class StopAt:
    """A listener that stops the program when a trial has finished an epoch."""

    def __init__(self, trial: int, epoch: int) -> None:
        self.start = f"trial {trial}, epoch {epoch}:"

    def __call__(self, event: object) -> None:
        if isinstance(event, Progress) and event.text.startswith(self.start):
            raise KeyboardInterrupt


def tags_of(run: StoredRun) -> dict[str, str]:
    return dict(run.data.tags)


def by_number(lab: Lab) -> list[StoredRun]:
    return sorted(lab.runs("trial"), key=lambda run: int(run.data.tags[Tag.TRIAL_NUMBER]))


def stopped(lab: Lab, trial: int, epoch: int, **changes: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        lab.hpo(listen=StopAt(trial, epoch), **changes)


def left_by_the_dead(lab: Lab, attempts: int) -> str:
    """Make the last trial look as if its process had been killed; return its run id."""
    run_id = str(by_number(lab)[-1].info.run_id)
    lab.set_status(run_id, "RUNNING")
    for key, value in ((Tag.LEASE, dead_lease()), (Tag.ATTEMPTS, str(attempts))):
        MlflowClient().set_tag(run_id, key.value, value)
    return run_id


# A stop in the middle of an epoch: `SMALL` has 8 batches, and a loss of the evaluation after them.


class PressAt:
    """A loss that presses Ctrl-C when it is asked for the nth time."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, outputs_BK: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return bce_loss(outputs_BK, labels_B)


@pytest.mark.parametrize(
    ("press_at", "place"),
    [
        (4, "from batch 5 of epoch 1"),
        (8, "from the end of epoch 1"),
        (9, "from epoch 2"),  # within the evaluation: it is over before anybody looks
        (14, "from batch 6 of epoch 2"),
    ],
)
def test_ctrl_c_in_an_epoch_goes_on_from_its_batch(
    press_at: int, place: str, searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_number(searched)[0]
    weights = load_trial(expected.info.run_id).state_dict()
    curve = val_curve(expected.info.run_id)
    for kind in ("hpo", "trial"):
        for run in searched.runs(kind):
            searched.delete(run.info.run_id)
    with monkeypatch.context() as patch:
        patch.setattr("finscale.pipeline.problem.fitting.task_loss", lambda *_: PressAt(press_at))
        with pytest.raises(KeyboardInterrupt):
            searched.hpo(n_trials=1)
    (run,) = by_number(searched)
    assert (run.info.status, run.data.tags[Tag.REASON]) == ("KILLED", "interrupted")
    searched.lines.clear()
    searched.hpo(n_trials=1)
    assert f"{CELL}: going on with trial 0 {place}." in searched.lines
    (run,) = by_number(searched)
    assert val_curve(run.info.run_id) == curve
    assert run.data.metrics["val_loss"] == expected.data.metrics["val_loss"]
    mine = load_trial(run.info.run_id).state_dict()
    assert all(torch.equal(mine[name], weight) for name, weight in weights.items())


# What a finished search leaves


def test_a_search_is_one_parent_with_its_trials_beneath(searched: Lab) -> None:
    (parent,) = searched.runs("hpo")
    assert parent.info.run_name == "hpo 9K h1 tiny" and Tag.PARENT not in parent.data.tags
    assert [tags_of(run)[Tag.PARENT] for run in by_number(searched)] == [parent.info.run_id] * 2
    assert [tags_of(run)[Tag.TRIAL_NUMBER] for run in by_number(searched)] == ["0", "1"]
    assert tags_of(parent)[Tag.TARGETS] == "n_trials=2"
    assert "2 of 2 trials finished" in tags_of(parent)[Tag.NOTE]


def test_a_search_has_the_numbers_that_one_compares_searches_by(searched: Lab) -> None:
    (parent,), best = searched.runs("hpo"), trials(cell=CELL).iloc[0]
    assert parent.data.metrics["val_loss"] == best["val_loss"]
    assert parent.data.metrics["n_params"] == best["n_params"] == 8849
    assert parent.data.metrics["n_trials"] == 2
    searched.hpo(n_trials=3)
    (parent,), best = searched.runs("hpo"), trials(cell=CELL).iloc[0]
    assert parent.data.metrics["val_loss"] == best["val_loss"]
    assert parent.data.metrics["n_trials"] == 3


def test_a_trial_holds_its_full_coordinates(searched: Lab) -> None:
    for run in by_number(searched):
        assert COORDINATES.items() <= run.data.params.items()
        assert set(run.data.params) == set(COORDINATES) | SEARCHED_PARAMS
        assert (run.data.params["precision"], run.data.params["max_steps"]) == ("float32", "0")


def test_a_trial_says_how_it_ended_and_from_what_it_was_computed(searched: Lab) -> None:
    data = searched.problem()
    for run in by_number(searched):
        tags = tags_of(run)
        assert run.info.status == "FINISHED"
        assert (tags[Tag.STATUS], tags[Tag.REASON]) == ("ok", "completed")
        assert (tags[Tag.PROBLEM], tags[Tag.CELL]) == (PROBLEM, CELL)
        assert tags[Tag.TRIAL_STATE] == "COMPLETE" and tags[Tag.COLLAPSED] in ("True", "False")
        assert tags[Tag.DATA_SHA256] == data.inputs.data_sha256
        assert tags[Tag.DATASET_SHA256] == data.inputs.dataset_sha256
        assert len(tags[Tag.FINGERPRINT]) == 64 and tags[Tag.LABEL_VERSION]
    assert len({tags_of(run)[Tag.FINGERPRINT] for run in by_number(searched)}) == 2


def test_a_trial_has_every_metric_of_the_contract(searched: Lab) -> None:
    for run in by_number(searched):
        there = set(run.data.metrics)
        assert METRICS - UNDEFINED <= there <= METRICS | CURVES
        assert there >= CURVES and not any(name.startswith("test_") for name in there)


def test_the_objective_is_logged_once_and_curves_by_epoch(searched: Lab) -> None:
    client = MlflowClient()
    for run in by_number(searched):
        assert len(client.get_metric_history(run.info.run_id, "val_loss")) == 1
        for name in CURVES:
            history = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in history] == [1, 2]
        kept = min(val_curve(run.info.run_id))
        assert run.data.metrics["val_loss"] == pytest.approx(kept, rel=1e-6)


def test_a_trial_keeps_its_model_and_says_what_it_saw(searched: Lab) -> None:
    for run in by_number(searched):
        paths = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
        assert paths == {"config.json", "weights.safetensors", "predictions.parquet"}
        inputs = run.inputs.dataset_inputs
        assert {tag.value for each in inputs for tag in each.tags} == {"training", "validation"}
        digest = tags_of(run)[Tag.DATASET_SHA256][:36]
        assert {each.dataset.digest for each in inputs} == {digest}


def test_the_size_is_that_of_the_weights_and_within_the_budget(searched: Lab) -> None:
    for run in by_number(searched):
        model = load_trial(run.info.run_id)
        n_params = sum(weight.numel() for weight in model.parameters())
        metrics = run.data.metrics
        assert n_params == metrics["n_params"] == count_params(model.arch).total
        groups = ("n_params_embedding", "n_params_encoder", "n_params_head")
        assert sum(metrics[group] for group in groups) == n_params
        assert abs(n_params - 9_000) <= 0.25 * 9_000


def test_a_loaded_trial_gives_the_loss_that_was_logged(searched: Lab) -> None:
    data = searched.problem()
    days = data.search.at.validation
    windows = make_samples(data.search.scaled(), days, data.labels_T, 60)
    for run in by_number(searched):
        logits_N = predict(load_trial(run.info.run_id), windows).squeeze(1).double().numpy()
        loss = score(data.labels_T[days], logits_N).loss
        assert loss == pytest.approx(run.data.metrics["val_loss"], rel=1e-6)


def test_only_the_verbs_run_has_system_metrics_and_two_levels_are_all(trained: Lab) -> None:
    every = [run for kind in ("hpo", "trial", "train", "final") for run in trained.runs(kind)]
    parents = {run.info.run_id: run.data.tags.get(Tag.PARENT) for run in every}
    assert len(every) == 1 + 2 + 1 + 4
    for run in every:
        above = parents[run.info.run_id]
        assert above is None or parents[above] is None
        measured = any(name.startswith("system/") for name in run.data.metrics)
        assert not (measured and above)


# The same line again


def test_more_trials_go_under_the_same_parent(searched: Lab) -> None:
    (parent,) = searched.runs("hpo")
    before = [run.info.run_id for run in by_number(searched)]
    assert searched.hpo(n_trials=3).run_id == parent.info.run_id
    assert [run.info.run_id for run in by_number(searched)][:2] == before
    assert [tags_of(run)[Tag.PARENT] for run in by_number(searched)] == [parent.info.run_id] * 3
    (invocation,) = searched.runs("invocation")
    assert tags_of(invocation)[Tag.PARENT] == parent.info.run_id
    assert len(searched.runs("hpo")) == 1
    assert tags_of(searched.run(parent.info.run_id))[Tag.TARGETS] == "n_trials=3"


def test_a_finished_search_trains_nothing(searched: Lab) -> None:
    searched.hpo()
    assert len(searched.runs("trial")) == 2 and len(searched.runs("baseline")) == 4
    assert f"{CELL}: the search has its 2 trials already." in searched.lines
    assert len(searched.runs("invocation")) == 1


def test_a_parent_deleted_without_its_trials_is_one_line(searched: Lab) -> None:
    (old,) = searched.runs("hpo")
    searched.delete(old.info.run_id)
    restore = f"`mlflow runs restore --run-id {old.info.run_id}`"
    with pytest.raises(StoreError, match=rf"whose nested runs \(2\) are not. Give {restore}"):
        searched.hpo()
    MlflowClient().restore_run(old.info.run_id)
    searched.hpo()
    assert len(searched.runs("trial")) == 2 and len(searched.runs("hpo")) == 1


def test_a_search_deleted_whole_makes_a_new_one(searched: Lab) -> None:
    (old,) = searched.runs("hpo")
    for run in (old, *by_number(searched)):
        searched.delete(run.info.run_id)
    parent = searched.hpo(n_trials=1, epochs=2)
    assert parent.run_id != old.info.run_id
    assert len(trials(parent=parent.run_id)) == 1
    assert len(searched.runs("baseline")) == 4


def test_targets_and_places_are_no_part_of_an_identity(searched: Lab) -> None:
    data = searched.problem()
    identity = search_identity(searched.config(), data)
    for changes in ({"n_trials": 7}, {"device": "auto"}):
        assert search_identity(searched.config(**changes), data) == identity
    assert tags_of(searched.runs("hpo")[0])[Tag.FINGERPRINT] == identity


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": "8K"},
        {"epochs": 3},
        {"seed": 43},
        {"space": "default"},
        {"learning_rate": 1e-3},
        {"d_ff": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_choices_make_another_search(searched: Lab, changes: dict[str, Any]) -> None:
    data = searched.problem()
    other = search_identity(searched.config(**changes), data)
    assert other != search_identity(searched.config(), data)


@pytest.mark.parametrize(
    "changes",
    [
        {"horizon": 3},
        {"task": load_task("threshold_0p5pct")},
        {"context_length": 50},
        {"universe": TINY.model_copy(update={"train_end": TINY.train_end.replace(day=30)})},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_problem_makes_another_search(searched: Lab, changes: dict[str, Any]) -> None:
    other = search_identity(searched.config(**changes), searched.problem(**changes))
    assert other != search_identity(searched.config(), searched.problem())


def test_a_renamed_space_is_the_same_search(searched: Lab) -> None:
    data, space = searched.problem(), load_space("demo").model_copy(update={"name": "renamed"})
    identity = search_identity(searched.config(), data)
    assert search_identity(searched.config(space=space), data) == identity


def test_the_time_to_expect_is_said_first(searched: Lab) -> None:
    searched.hpo(n_trials=3)
    assert searched.lines[0].startswith(f"{CELL}: 1 trial of at most 2 epochs, 1 architecture:")
    assert "(measured 1.0 GFLOP/s). Ctrl-C stops; the same command continues." in searched.lines[0]


# How a trial may end


def test_runs_are_ordered_by_kept_weights_not_by_their_last_epoch(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = -(-len(lab.problem().search.at.train) // 128)

    def wrecked_in_epoch_2(step: int, *_: int) -> float:
        return 1.0 if step < steps else 1000.0

    monkeypatch.setattr("finscale.training.loop.learning_rate_factor", wrecked_in_epoch_2)
    lab.hpo(n_trials=1)
    monkeypatch.undo()
    lab.hpo(n_trials=2)
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string="tags.`finscale.kind` = 'trial' AND params.budget = '9K'",
        order_by=["metrics.val_loss ASC"],
        output_format="list",
    )
    wrecked, sound = by_number(lab)
    assert val_curve(wrecked.info.run_id)[-1] > val_curve(sound.info.run_id)[-1]
    assert wrecked.data.metrics["best_epoch"] == 1
    assert wrecked.data.metrics["val_loss"] == pytest.approx(val_curve(wrecked.info.run_id)[0])
    kept = {run.info.run_id: min(val_curve(run.info.run_id)) for run in (wrecked, sound)}
    assert [run.info.run_id for run in found] == sorted(kept, key=lambda run_id: kept[run_id])


def test_a_pruned_trial_counts_and_has_curves_but_no_loss(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.search.Search.should_prune", lambda *_: True)
    monkeypatch.setattr("finscale.training.FitSettings.warmup_epochs", lambda *_: 0)
    searched.hpo(n_trials=3)
    assert len(searched.runs("trial")) == 3
    pruned = by_number(searched)[-1]
    assert tags_of(pruned)[Tag.STATUS] == "pruned" and pruned.info.status == "KILLED"
    assert "val_loss" not in pruned.data.metrics and "epoch/val_loss" in pruned.data.metrics
    (parent,) = searched.runs("hpo")
    assert trials(parent=parent.info.run_id)["run_id"].iloc[-1] == pruned.info.run_id


def test_a_diverged_trial_counts_and_has_no_loss(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.training.loop.learning_rate_factor", lambda *_: float("nan"))
    lab.hpo(n_trials=1)
    (run,) = lab.runs("trial")
    tags = tags_of(run)
    assert (tags[Tag.STATUS], tags[Tag.REASON]) == ("diverged", "not_finite")
    assert run.info.status == "FAILED" and "val_loss" not in run.data.metrics
    lab.hpo(n_trials=1)
    assert len(lab.runs("trial")) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no such kernel"), "error"),
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), "out_of_memory"),
    ],
)
def test_three_failures_in_a_row_stop_the_search(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("finscale.pipeline.problem.fitting.fit_together", fails)
    with pytest.raises(StoreError, match="got 3 in a row that failed"):
        lab.hpo(n_trials=5)
    assert len(lab.runs("trial")) == 3
    for run in lab.runs("trial"):
        tags = tags_of(run)
        assert (tags[Tag.STATUS], tags[Tag.REASON]) == ("failed", reason)
        assert run.info.status == "FAILED"
        assert type(error).__name__ in read_text(run.info.run_id, "traceback.txt")
    (parent,) = lab.runs("hpo")
    assert parent.info.status == "FAILED" and tags_of(parent)[Tag.STATUS] == "failed"


def test_failed_trials_do_not_count_and_the_search_goes_on(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finscale.pipeline.problem import fitting

    fit, calls = fitting.fit_together, iter(range(9))

    def fails_twice(*args: Any, **kwargs: Any) -> Any:
        if next(calls) < 2:
            raise RuntimeError("twice")
        return fit(*args, **kwargs)

    monkeypatch.setattr(fitting, "fit_together", fails_twice)
    searched.hpo(n_trials=3)
    assert [tags_of(run)[Tag.STATUS] for run in by_number(searched)] == [
        *("ok", "ok", "failed", "failed", "ok")
    ]
    assert "3 of 3 trials finished, 2 failed" in tags_of(searched.runs("hpo")[0])[Tag.NOTE]


# Interruptions


def test_a_stopped_search_leaves_nothing_running_and_no_result(searched: Lab) -> None:
    stopped(searched, trial=2, epoch=1, n_trials=3)
    trial = by_number(searched)[-1]
    (parent,), (invocation,) = searched.runs("hpo"), searched.runs("invocation")
    assert {run.info.status for run in (trial, parent, invocation)} == {"KILLED"}
    assert Tag.STATUS not in tags_of(trial) and tags_of(trial)[Tag.REASON] == "interrupted"
    assert Tag.STATUS not in tags_of(parent)
    assert tags_of(trial)[Tag.ATTEMPTS] == "0"  # a user's stop is no attempt


def test_the_same_call_goes_on_with_the_stopped_trial(searched: Lab) -> None:
    stopped(searched, trial=2, epoch=1, n_trials=3)
    run_id = by_number(searched)[-1].info.run_id
    first = val_curve(run_id)
    searched.hpo(n_trials=3)
    trial = by_number(searched)[-1]
    assert len(searched.runs("trial")) == 3 and trial.info.run_id == run_id
    assert (trial.info.status, tags_of(trial)[Tag.STATUS]) == ("FINISHED", "ok")
    assert tags_of(trial)[Tag.TRIAL_NUMBER] == "2" and tags_of(trial)[Tag.ATTEMPTS] == "1"
    history = MlflowClient().get_metric_history(run_id, "epoch/val_loss")
    assert [point.step for point in history] == [1, 2]
    assert val_curve(run_id)[:1] == first
    assert trial.data.metrics["val_loss"] == pytest.approx(min(val_curve(run_id)), rel=1e-6)
    assert f"{CELL}: going on with trial 2 from its beginning." in searched.lines


def test_a_stopped_search_proposes_what_it_would_have(searched: Lab) -> None:
    stopped(searched, trial=2, epoch=1, n_trials=4)
    searched.hpo(n_trials=4)
    resumed = [run.data.params for run in by_number(searched)][2:]
    for run in by_number(searched)[2:]:
        searched.delete(run.info.run_id)
    searched.hpo(n_trials=4)
    assert [run.data.params for run in by_number(searched)][2:] == resumed


def test_stops_of_the_user_never_use_up_a_trials_attempts(searched: Lab) -> None:
    for _ in range(3):
        stopped(searched, trial=2, epoch=1, n_trials=3)
        assert tags_of(by_number(searched)[-1])[Tag.ATTEMPTS] == "0"
    left_by_the_dead(searched, attempts=1)
    stopped(searched, trial=2, epoch=2, n_trials=3)
    assert tags_of(by_number(searched)[-1])[Tag.ATTEMPTS] == "1"
    assert len(searched.runs("trial")) == 3


def test_a_killed_trial_is_taken_over_once(searched: Lab) -> None:
    stopped(searched, trial=2, epoch=1, n_trials=3)
    run_id = left_by_the_dead(searched, attempts=1)
    searched.hpo(n_trials=3)
    trial = searched.run(run_id)
    assert (trial.info.status, tags_of(trial)[Tag.STATUS]) == ("FINISHED", "ok")
    assert tags_of(trial)[Tag.ATTEMPTS] == "2" and len(searched.runs("trial")) == 3


def test_a_trial_that_killed_its_process_twice_is_given_up(searched: Lab) -> None:
    stopped(searched, trial=2, epoch=1, n_trials=3)
    run_id = left_by_the_dead(searched, attempts=2)
    searched.hpo(n_trials=3)
    trial = searched.run(run_id)
    assert (trial.info.status, tags_of(trial)[Tag.REASON]) == ("FAILED", "killed")
    assert tags_of(trial)[Tag.STATUS] == "failed"
    assert [tags_of(run)[Tag.STATUS] for run in by_number(searched)] == [
        *("ok", "ok", "failed", "ok")
    ]


def test_a_trial_that_died_before_it_had_params_does_not_stop_the_search(searched: Lab) -> None:
    parent = handle(searched.runs("hpo")[0])
    tags = {Tag.CELL: CELL, Tag.TRIAL_NUMBER: 2, Tag.ATTEMPTS: 1, Tag.LEASE: dead_lease()}
    stillborn = create_run(Kind.TRIAL, "t002", parent=parent, tags=tags)
    searched.hpo(n_trials=3)
    run = searched.run(stillborn.run_id)
    assert run.info.status == "FAILED"
    assert (tags_of(run)[Tag.STATUS], tags_of(run)[Tag.REASON]) == ("failed", "killed")
    statuses = [tags_of(each)[Tag.STATUS] for each in by_number(searched)]
    assert statuses == ["ok", "ok", "failed", "ok"]
    assert tags_of(by_number(searched)[-1])[Tag.TRIAL_NUMBER] == "3"
    searched.hpo(n_trials=3)
    assert len(searched.runs("trial")) == 4


def test_a_living_process_is_joined_and_keeps_its_parent(searched: Lab) -> None:
    (parent,) = searched.runs("hpo")
    searched.set_status(parent.info.run_id, "RUNNING")
    lease = living_lease()
    MlflowClient().set_tag(parent.info.run_id, Tag.LEASE.value, lease)
    assert searched.hpo(n_trials=3).run_id == parent.info.run_id
    stored = searched.run(parent.info.run_id)
    assert stored.info.status == "RUNNING" and tags_of(stored)[Tag.LEASE] == lease
    (invocation,) = searched.runs("invocation")
    assert invocation.info.status == "FINISHED" and len(searched.runs("trial")) == 3


# Mistakes


def test_a_cell_below_a_floor_is_refused_not_failed(lab: Lab) -> None:
    run_id = str(MlflowClient().create_run("0").info.run_id)
    with pytest.raises(RefusedError) as refusal:
        lab.hpo(run_id, floors=Floors(n_test=1009))
    mark_failed(run_id, refusal.value)
    run = lab.run(run_id)
    assert run.info.status == "FAILED"
    assert (tags_of(run)[Tag.STATUS], tags_of(run)[Tag.REASON]) == ("refused", "floor")
    assert "n_test: expected at least 1009, the floor; got 252." in tags_of(run)[Tag.NOTE]
    assert lab.runs("trial") == []
