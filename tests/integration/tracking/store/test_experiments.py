"""Experiments that were deleted or never were; runs that several commands share."""

from __future__ import annotations

import logging

import pytest
from mlflow import MlflowClient

from finscale.config import ConfigError, StoreError
from finscale.tracking import Kind, Tag, create_run, mark_failed, tell_invocation, trials
from finscale.tracking.experiments import current_experiment_id
from finscale.tracking.runs import Run
from tests.lab import CELL, Lab, living_lease


def test_a_deleted_default_experiment_is_restored_as_an_experiment(lab: Lab) -> None:
    MlflowClient().delete_experiment("0")
    with pytest.raises(StoreError, match="experiment Default: expected one that exists") as caught:
        lab.hpo()
    assert "`mlflow experiments restore --experiment-id 0`" in caught.value.line


def test_a_deleted_experiment_of_the_variable_likewise(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    run = lab.hpo()
    MlflowClient().delete_experiment(run.experiment_id)
    with pytest.raises(StoreError, match="experiment mine: expected one that exists") as caught:
        lab.hpo()
    assert f"--experiment-id {run.experiment_id}`" in caught.value.line
    MlflowClient().restore_experiment(run.experiment_id)
    assert lab.hpo() == run  # nothing was begun anew meanwhile


@pytest.mark.parametrize("experiment_id", ["7", "no-number"])
def test_an_experiment_that_is_not_there(
    experiment_id: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
    with pytest.raises(StoreError, match="MLFLOW_EXPERIMENT_ID: expected an experiment of the"):
        lab.hpo()
    assert lab.runs(Kind.HPO) == []


@pytest.mark.usefixtures("lab")
def test_an_experiment_that_was_deleted_while_a_run_is_at_work() -> None:
    run = create_run(Kind.TRIAL, "a trial")
    MlflowClient().delete_experiment("0")
    with pytest.raises(StoreError, match=r"`mlflow (runs|experiments) restore --"):
        run.tag({Tag.REASON: "x"})


@pytest.mark.usefixtures("lab")
def test_a_name_that_another_process_was_faster_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    find = MlflowClient.get_experiment_by_name

    def too_late(self: MlflowClient, name: str) -> object:
        found = find(self, name)
        if found is None:
            MlflowClient().create_experiment(name)
        return found

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", too_late)
    assert current_experiment_id() == "1"


# One run of the environment for several commands.


def a_run(**tags: str) -> str:
    return str(MlflowClient().create_run("0", tags=tags).info.run_id)


def test_a_run_that_is_a_search_already_is_left_alone_by_train(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    exported = a_run()
    search = lab.hpo(exported)
    assert search.run_id == exported
    finals = lab.train(exported)
    assert finals.run_id != exported
    stored = lab.run(exported)
    assert stored.data.tags[Tag.KIND] == "hpo" and stored.info.run_name.startswith("hpo ")
    assert [run.info.run_id for run in lab.runs(Kind.HPO)] == [exported]
    assert len(trials(cell=CELL)) == 2, "nothing was searched again"
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert f"MLFLOW_RUN_ID names run {exported}, which belongs to another command" in said


def test_another_search_with_the_same_run_gets_one_of_its_own(lab: Lab) -> None:
    exported = a_run()
    first, other = lab.hpo(exported, n_trials=1), lab.hpo(exported, n_trials=1, seed=7)
    assert first.run_id == exported != other.run_id
    assert {run.info.status for run in lab.runs(Kind.HPO)} == {"FINISHED"}
    assert len(lab.runs(Kind.HPO)) == 2


def test_the_same_command_with_the_same_run_goes_on_with_it(lab: Lab) -> None:
    exported = a_run()
    lab.hpo(exported, n_trials=1)
    assert lab.hpo(exported).run_id == exported
    assert lab.runs(Kind.INVOCATION) == [] and len(lab.runs(Kind.TRIAL)) == 2


def test_a_mistake_in_a_later_command_fails_no_run_of_an_earlier_one(lab: Lab) -> None:
    exported = a_run()
    lab.hpo(exported, n_trials=1)
    error = ConfigError("budget", expected="a size", got="'20X'", todo="Correct it.")
    mark_failed(exported, error)
    tell_invocation(exported, Kind.HPO, "a dry run")
    stored = lab.run(exported)
    assert stored.info.status == "FINISHED" and stored.data.tags[Tag.KIND] == "hpo"
    assert "20X" not in stored.data.tags[Tag.NOTE]


# Writes that order depends on.


def test_what_is_written_is_there_at_once_whatever_the_environment_says(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    for number in range(20):
        run = create_run(Kind.TRIAL, f"trial {number}")
        run.tag({Tag.REASON: "first"})
        assert run.tags()[Tag.REASON] == "first"
        run.param({"budget": "9K"})
        run.param({"budget": "9K", "seed": 7})
        run.metric_once({"val_loss": 0.375})
        run.metric_once({"val_loss": 0.5})
        stored = lab.run(run.run_id)
        assert stored.data.params == {"budget": "9K", "seed": "7"}
        history = MlflowClient().get_metric_history(run.run_id, "val_loss")
        assert [point.value for point in history] == [0.375]


def test_a_trial_that_another_process_took_over_is_left_to_it(lab: Lab) -> None:
    """The other one wrote its lease: the next look of this one says so, and changes nothing."""
    taken: list[str] = []
    others = living_lease()

    def listen(event: object) -> None:
        if "epoch 2" in getattr(event, "text", "") and not taken:
            (trial,) = lab.runs(Kind.TRIAL)
            Run(trial.info.run_id, "0").tag({Tag.LEASE: others})
            taken.append(trial.info.run_id)

    with pytest.raises(StoreError, match="expected this process to hold it while it trains"):
        lab.hpo(n_trials=1, epochs=3, listen=listen)
    stored = lab.run(taken[0])
    assert stored.data.tags[Tag.LEASE] == others
    assert Tag.STATUS not in stored.data.tags and stored.info.status == "RUNNING"
    assert "val_loss" not in stored.data.metrics


# What counts is what is complete.


def test_finals_stay_though_a_later_command_for_more_was_interrupted(lab: Lab) -> None:
    lab.train(n_seeds=3, top_k=1)
    before = lab.analyze()

    def stop(event: object) -> None:
        if "seed 46" in getattr(event, "text", ""):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.train(n_seeds=60, top_k=1, listen=stop)
    (parent,) = lab.runs(Kind.TRAIN)
    assert parent.info.status == "KILLED"
    after = lab.analyze()
    assert (
        lab.run(after.run_id).data.tags[Tag.VERDICT]
        == lab.run(before.run_id).data.tags[Tag.VERDICT]
    )
