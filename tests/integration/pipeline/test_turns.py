"""Whose a trial is: what one process of a search may take from another."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow import MlflowClient

from finscale.pipeline.searching import turns
from finscale.search import PastTrial
from finscale.tracking import Kind, Run, Status, Tag, create_run, handle
from tests.lab import Lab, dead_lease, living_lease

WIDE: dict[str, Any] = {"d_model": None, "n_layers": None, "n_heads": None, "d_ff": None}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "POLL_S", 0.01)


@pytest.fixture
def anothers(searched: Lab) -> Run:
    """A third trial of the search, at work in another process."""

    def stop(event: object) -> None:
        if "trial 2, epoch 1" in getattr(event, "text", ""):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched.hpo(n_trials=3, listen=stop)
    (run,) = [r for r in searched.runs("trial") if r.data.tags[Tag.TRIAL_NUMBER] == "2"]
    searched.set_status(run.info.run_id, "RUNNING")
    MlflowClient().set_tag(run.info.run_id, Tag.LEASE.value, living_lease())
    return handle(run)


def test_a_living_process_keeps_its_trial_and_is_waited_for(searched: Lab, anothers: Run) -> None:
    waits: list[str] = []

    def finish(event: object) -> None:
        text = getattr(event, "text", "")
        if "waiting for 1 trial that other processes train" in text:
            waits.append(text)
            anothers.metric_once({"val_loss": 0.1, "train_flops": 7.0})
            anothers.end(Status.OK, "completed")

    searched.hpo(n_trials=3, listen=finish)
    assert len(waits) == 1 and len(searched.runs("trial")) == 3
    (parent,) = searched.runs("hpo")
    assert f"runs/{anothers.run_id}), 0.1000 nats" in parent.data.tags[Tag.NOTE]


def test_a_trial_that_ended_since_it_was_looked_at_is_not_trained_again(
    searched: Lab, anothers: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_open, looks = Run.is_open, iter(range(99))

    def ends_after_the_look(run: Run) -> bool:
        answer = is_open(run)
        if next(looks) == 0:
            anothers.metric_once({"val_loss": 0.1, "train_flops": 7.0})
            anothers.end(Status.OK, "completed")
        return answer

    monkeypatch.setattr(Run, "is_open", ends_after_the_look)
    searched.hpo(n_trials=3)
    tags = searched.run(anothers.run_id).data.tags
    assert (tags[Tag.STATUS], tags[Tag.REASON], tags[Tag.ATTEMPTS]) == ("ok", "completed", "0")
    assert len(searched.runs("trial")) == 3


def test_a_trial_whose_process_left_it_is_taken_over(searched: Lab, anothers: Run) -> None:
    anothers.interrupt("interrupted")
    searched.hpo(n_trials=3)
    assert searched.run(anothers.run_id).data.tags[Tag.STATUS] == "ok"


def test_a_trial_that_died_between_its_run_and_its_params_is_trained_as_proposed(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("finscale.pipeline.problem.data.ProblemData.params", dies)
        with pytest.raises(KeyboardInterrupt):
            searched.hpo(n_trials=3)
    (run,) = [r for r in searched.runs("trial") if r.data.tags[Tag.TRIAL_NUMBER] == "2"]
    assert run.data.params == {}
    searched.hpo(n_trials=3)
    stored = searched.run(run.info.run_id)
    assert stored.data.tags[Tag.STATUS] == "ok" and stored.data.params["d_model"] == "16"
    assert len(searched.runs("trial")) == 3


def test_a_process_that_died_between_optuna_and_the_store_costs_no_number(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("finscale.pipeline.searching.turns.open_trial", dies)
        with pytest.raises(KeyboardInterrupt):
            searched.hpo(n_trials=3)
    assert len(searched.runs("trial")) == 2
    searched.hpo(n_trials=3)
    numbers = [run.data.tags[Tag.TRIAL_NUMBER] for run in searched.runs("trial")]
    assert sorted(numbers) == ["0", "1", "2"]


def test_a_result_that_optuna_was_not_told_of_is_read_from_the_store(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_: object, number: int, trial: PastTrial) -> None:
        assert trial.status == "ok" and number == 2
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("finscale.search.Search.finish", dies)
        with pytest.raises(KeyboardInterrupt):
            searched.hpo(n_trials=3)
    searched.hpo(n_trials=4)
    statuses = [run.data.tags[Tag.STATUS] for run in searched.runs("trial")]
    assert statuses == ["ok"] * 4


def test_a_run_that_its_holder_left_with_a_result_is_closed_with_it(searched: Lab) -> None:
    parent = handle(searched.runs("hpo")[0])
    tags = {Tag.TRIAL_NUMBER: 2, Tag.STATUS: "ok", Tag.REASON: "completed", Tag.LEASE: ""}
    left = create_run(Kind.TRIAL, "t002", parent=parent, tags=tags)
    dead = create_run(Kind.TRIAL, "t003", parent=parent, tags={**tags, Tag.LEASE: dead_lease()})
    from finscale.tracking import close_abandoned

    assert close_abandoned(0.0) == 2
    assert {searched.run(run.run_id).info.status for run in (left, dead)} == {"FINISHED"}
