"""Writing runs and finding them again, on a real store."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from mlflow import MlflowClient

from finscale.config import StoreError
from finscale.tracking import (
    End,
    Kind,
    Status,
    Tag,
    create_run,
    finals,
    find_result,
    handle,
    search,
)
from finscale.tracking.names import Artifact
from finscale.tracking.query import baselines, cells, trials
from finscale.tracking.results import load_trial, read_predictions
from finscale.tracking.runs import Run, stored_run, take_up, where
from tests.lab import PROBLEM, Lab

BIGGEST = 1.7e308


def new(kind: Kind = Kind.TRIAL, parent: Run | None = None, **tags: str) -> Run:
    return create_run(kind, "a run", parent=parent, tags={Tag[k]: v for k, v in tags.items()})


def test_a_created_run_says_who_made_it_and_from_what(lab: Lab) -> None:
    tags = lab.run(new().run_id).data.tags
    assert tags[Tag.KIND] == "trial"
    assert Tag.LEASE in tags and Tag.COMMIT in tags and tags[Tag.DIRTY] in ("True", "False")
    assert {"mlflow.user", "mlflow.source.name"} <= set(tags)


def test_a_child_goes_where_its_parent_is(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "a lab of my own")
    parent = new(Kind.HPO)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    child = lab.run(new(parent=parent).run_id)
    assert parent.experiment_id != "0"
    assert child.info.experiment_id == parent.experiment_id
    assert child.data.tags[Tag.PARENT] == parent.run_id


def test_every_experiment_is_searched_page_by_page(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.tracking.runs._PAGE", 2)
    made = [new().run_id for _ in range(3)]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    made += [new().run_id for _ in range(2)]
    assert {run.info.run_id for run in lab.runs("trial")} == set(made)


def test_deleted_runs_are_found_only_on_request(lab: Lab) -> None:
    run = new()
    lab.delete(run.run_id)
    assert list(search(where(KIND=Kind.TRIAL))) == []
    assert [handle(found) for found in search(where(KIND=Kind.TRIAL), deleted=True)] == [run]


def test_numbers_that_are_none_are_not_logged(lab: Lab) -> None:
    run = new()
    run.metric({"val_auc": math.nan, "val_loss": math.inf, "val_f1": -math.inf, "n_val": BIGGEST})
    run.epochs({1: {"epoch/val_loss": math.nan, "epoch/train_loss": 0.7}})
    assert lab.run(run.run_id).data.metrics == {"n_val": BIGGEST, "epoch/train_loss": 0.7}


def test_a_metric_that_is_there_is_left_as_it_is(lab: Lab) -> None:
    run = new()
    run.metric_once({"val_loss": 0.41})
    run.metric_once({"val_loss": 0.37, "val_auc": 0.61})
    assert lab.run(run.run_id).data.metrics == {"val_loss": 0.41, "val_auc": 0.61}
    assert len(MlflowClient().get_metric_history(run.run_id, "val_loss")) == 1


def test_a_param_that_is_there_is_left_as_it_is(lab: Lab) -> None:
    run = new()
    run.param({"budget": "'2M'"})
    run.param({"budget": "2M", "dropout": 0.1})
    assert lab.run(run.run_id).data.params == {"budget": "'2M'", "dropout": "0.1"}


@pytest.mark.parametrize(
    ("status", "of_mlflow"),
    [
        (Status.OK, "FINISHED"),
        (Status.PRUNED, "KILLED"),
        (Status.DIVERGED, "FAILED"),
        (Status.FAILED, "FAILED"),
        (Status.REFUSED, "FAILED"),
    ],
)
def test_mlflows_status_agrees_with_ours(lab: Lab, status: Status, of_mlflow: str) -> None:
    run = new()
    run.end(status, "because")
    stored = lab.run(run.run_id)
    assert (stored.data.tags[Tag.STATUS], stored.data.tags[Tag.REASON]) == (status, "because")
    assert stored.info.status == of_mlflow


def test_an_interrupted_run_is_killed_and_has_no_result(lab: Lab) -> None:
    run = new()
    run.interrupt("interrupted")
    stored = lab.run(run.run_id)
    assert stored.info.status == "KILLED" and Tag.STATUS not in stored.data.tags


@pytest.mark.parametrize(
    ("status", "of_mlflow"), [(Status.OK, "FINISHED"), (Status.DIVERGED, "FAILED")]
)
def test_a_run_that_is_stopped_after_its_result_keeps_it(
    lab: Lab, status: Status, of_mlflow: str
) -> None:
    run = new()
    run.tag({Tag.STATUS: status.value, Tag.REASON: "completed"})  # then the process is killed
    run.interrupt("killed")
    stored = lab.run(run.run_id)
    assert stored.info.status == of_mlflow
    assert (stored.data.tags[Tag.STATUS], stored.data.tags[Tag.REASON]) == (status, "completed")


def test_a_reopened_run_has_ended_no_more(lab: Lab) -> None:
    run = new()
    run.end(Status.OK, "completed")
    run.reopen()
    stored = lab.run(run.run_id)
    assert stored.info.status == "RUNNING" and Tag.STATUS not in stored.data.tags


def test_a_failed_run_keeps_its_traceback(lab: Lab) -> None:
    run = new()
    run.close(End(Status.FAILED, "out_of_memory", traceback="Traceback: no room"))
    path = run.artifact_path(Artifact.TRACEBACK)
    assert path is not None and path.is_relative_to(lab.folder)
    assert path.read_text() == "Traceback: no room"
    assert run.artifact_path("nothing.txt") is None


def test_a_run_that_the_store_does_not_hold_is_one_line(lab: Lab) -> None:
    with pytest.raises(StoreError, match=r"MLFLOW_RUN_ID: expected a run of the tracking store"):
        take_up(stored_run("0" * 32))
    assert lab.runs("trial") == []


def test_an_artifact_that_is_gone_is_one_line(lab: Lab) -> None:
    run = new()
    with pytest.raises(StoreError, match=f"run {run.run_id}: expected the artifact predictions"):
        read_predictions(run.run_id)
    assert lab.run(run.run_id).info.status == "RUNNING"


def test_a_run_without_a_model_gives_none(lab: Lab) -> None:
    run = new()
    run.json(Artifact.CONFIG.value, {"training": {}})
    with pytest.raises(StoreError, match=r"expected a trial or a final"):
        load_trial(run.run_id)
    assert Path(lab.run(run.run_id).info.artifact_uri).is_relative_to(lab.folder)


@pytest.mark.parametrize("kind", [trials, finals, cells])
def test_an_empty_store_gives_empty_frames(lab: Lab, kind: object) -> None:
    assert callable(kind) and kind(problem=PROBLEM).empty
    assert baselines(PROBLEM).empty and lab.runs("trial") == []


def test_only_a_result_blocks_a_repetition(lab: Lab) -> None:
    for status in (Status.FAILED, Status.REFUSED):
        new(Kind.FINAL, FINGERPRINT="f").end(status, "because")
    new(Kind.FINAL, FINGERPRINT="f").interrupt("interrupted")
    assert find_result(Kind.FINAL, "f") is None
    diverged = new(Kind.FINAL, FINGERPRINT="f")
    diverged.end(Status.DIVERGED, "not_finite")
    found = find_result(Kind.FINAL, "f")
    assert found is not None and handle(found) == diverged
    assert len(lab.runs("final")) == 4


def test_a_result_counts_once_and_before_the_failures_it_repeats(lab: Lab) -> None:
    new(Kind.FINAL, FINGERPRINT="f").close(End(Status.FAILED, "out_of_memory", traceback=""))
    new(Kind.FINAL, FINGERPRINT="f").interrupt("interrupted")
    first = new(Kind.FINAL, FINGERPRINT="f")
    first.end(Status.OK, "completed")
    new(Kind.FINAL, FINGERPRINT="f").end(Status.OK, "completed")
    assert list(finals()["run_id"]) == [first.run_id]
    assert len(lab.runs("final")) == 4


def test_a_failure_is_seen_where_nothing_repeats_it(lab: Lab) -> None:
    new(Kind.FINAL, FINGERPRINT="f").interrupt("interrupted")
    failed = new(Kind.FINAL, FINGERPRINT="f")
    failed.close(End(Status.FAILED, "out_of_memory", traceback=""))
    assert list(finals()["run_id"]) == [failed.run_id]
    assert lab.run(failed.run_id).info.status == "FAILED"


def test_cells_are_empty_while_nothing_is_chosen(lab: Lab) -> None:
    new(Kind.FINAL, FINGERPRINT="f", CELL="x.9K").interrupt("interrupted")
    assert len(lab.runs("final")) == 1
    assert cells().empty


def test_a_cell_is_its_best_chosen_configuration(lab: Lab) -> None:
    for configuration in "ab":  # each is what a search of its own has led to
        new(Kind.TRAIN, PROBLEM="x", CELL="x.9K", CONFIGURATION=configuration)
    for number, (configuration, loss) in enumerate([("a", 0.4), ("a", 0.6), ("b", 0.45)]):
        run = new(
            Kind.FINAL,
            FINGERPRINT=str(number),
            PROBLEM="x",
            CELL="x.9K",
            CONFIGURATION=configuration,
        )
        run.param({"budget": "9K"})
        run.metric({"n_params": 8849, "val_loss": loss, "train_loss": loss})
        run.end(Status.OK, "completed")
    (row,) = cells().to_dict("records")
    assert (row["cell"], row["n_seeds"], row["val_loss"]) == ("x.9K", 1, 0.45)
    assert len(lab.runs("final")) == 3
