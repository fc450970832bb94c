"""The run of a verb: resumed, found again, closed; and runs that were left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from mlflow import MlflowClient

from finscale.config import ConfigError, RefusedError, StoreError
from finscale.tracking import Kind, Status, Tag, VerbRun, close_abandoned, create_run, mark_failed
from finscale.tracking.lease import take_lease
from finscale.tracking.runs import Run, stored_run, take_up
from finscale.tracking.verb import PROJECT, UNTAGGED_AFTER_S, verb_run
from tests.lab import Lab, dead_lease, living_lease

WRONG = ConfigError("budget", expected="a size", got="'20X'", todo="Correct it.")
AGAIN = "make hpo"
BELOW = RefusedError("n_test", expected="at least 100", got="7", todo="Take more.")


@contextmanager
def verb(
    run_id: str | None = None, identity: str | None = "identity", **tags: str
) -> Iterator[VerbRun]:
    values: dict[str, Any] = {"params": {"budget": "9K"}, "tags": tags, "identity": identity}
    with verb_run(Kind.HPO, "hpo of a cell", run_id=run_id, resume=AGAIN, **values) as opened:
        yield opened


def made_by_mlflow(source: str = str(PROJECT), entry_point: str = "hpo") -> str:
    """Create a run as `mlflow run` does before our code starts."""
    tags = {"mlflow.source.name": source, "mlflow.project.entryPoint": entry_point}
    run = MlflowClient().create_run("0", tags=tags)
    return str(run.info.run_id)


def test_the_run_of_mlflow_becomes_the_parent(lab: Lab) -> None:
    run_id = made_by_mlflow()
    with verb(run_id) as opened:
        assert opened.own == opened.parent and opened.parent.run_id == run_id
        assert lab.run(run_id).info.status == "RUNNING"
    stored = lab.run(run_id)
    assert stored.info.status == "FINISHED" and stored.info.run_name == "hpo of a cell"
    assert stored.data.tags[Tag.STATUS] == "ok" and stored.data.tags[Tag.KIND] == "hpo"
    assert stored.data.params == {"budget": "9K"}


def test_without_mlflow_run_the_run_is_created(lab: Lab) -> None:
    with verb() as opened:
        assert opened.is_new
    assert [run.info.run_id for run in lab.runs("hpo")] == [opened.parent.run_id]


def test_the_same_command_again_is_an_invocation_beneath_the_first_run(lab: Lab) -> None:
    with verb() as first:
        pass
    run_id = made_by_mlflow()
    with verb(run_id) as again:
        assert again.parent == first.parent and not again.is_new
        assert lab.run(first.parent.run_id).info.status == "RUNNING"
    stored = lab.run(run_id)
    assert stored.data.tags[Tag.KIND] == "invocation"
    assert stored.data.tags[Tag.PARENT] == first.parent.run_id
    assert first.parent.link in stored.data.tags[Tag.NOTE]
    assert {run.info.status for run in [*lab.runs("hpo"), stored]} == {"FINISHED"}


def test_a_parent_is_found_in_another_experiment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with verb() as first:
        pass
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    with verb() as again:
        assert again.parent == first.parent
    assert len(lab.runs("hpo")) == 1


def test_a_run_that_is_started_again_itself_stays_the_parent(lab: Lab) -> None:
    run_id = made_by_mlflow()
    with pytest.raises(KeyboardInterrupt), verb(run_id):
        raise KeyboardInterrupt
    with verb(run_id) as again:
        assert again.own == again.parent and not again.is_new
    stored = lab.run(run_id)
    assert stored.data.tags[Tag.KIND] == "hpo" and Tag.PARENT not in stored.data.tags
    assert stored.info.status == "FINISHED"


def test_another_identity_or_a_deleted_parent_makes_a_new_one(lab: Lab) -> None:
    with verb() as first:
        pass
    with verb(identity="another") as other:
        assert other.is_new
    lab.delete(first.parent.run_id)
    with verb() as again:
        assert again.is_new and again.parent != first.parent
    assert len(lab.runs("hpo")) == 2


def test_without_an_identity_every_call_is_a_run_of_its_own(lab: Lab) -> None:
    for _ in range(2):
        with verb(identity=None):
            pass
    assert len(lab.runs("hpo")) == 2 and lab.runs("invocation") == []


def test_another_living_process_keeps_its_parent(lab: Lab) -> None:
    with verb() as opened:
        opened.parent.tag({Tag.LEASE: living_lease()})
        lines = "expected no other process at work on it; got process [0-9]+ on .* again"
        with pytest.raises(StoreError, match=lines), verb():
            pytest.fail("two processes write to one parent")
    assert len(lab.runs("hpo")) == 1 and lab.runs("invocation") == []


def test_a_dead_process_does_not(lab: Lab) -> None:
    with verb() as opened:
        opened.parent.tag({Tag.LEASE: dead_lease()})
        with verb() as again:
            assert again.parent == opened.parent
    assert len(lab.runs("invocation")) == 1


def test_a_stop_leaves_the_parent_killed_and_without_a_result(lab: Lab) -> None:
    with verb():
        pass
    with pytest.raises(KeyboardInterrupt), verb():
        raise KeyboardInterrupt
    for run in (*lab.runs("hpo"), *lab.runs("invocation")):
        assert run.info.status == "KILLED"
        assert run.data.tags[Tag.REASON] == "interrupted" and Tag.STATUS not in run.data.tags


def test_a_stop_closes_children_that_had_not_begun(lab: Lab) -> None:
    def stopped() -> None:
        with verb() as opened:
            done = create_run(Kind.TRIAL, "done", parent=opened.parent)
            done.end(Status.OK, "completed")
            create_run(Kind.TRIAL, "begun", parent=opened.parent)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    statuses = {run.info.run_name: run.info.status for run in lab.runs("trial")}
    assert statuses == {"done": "FINISHED", "begun": "KILLED"}


def test_a_stop_while_the_run_is_opened_closes_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped_after(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Run, "param", stopped_after)
    with pytest.raises(KeyboardInterrupt), verb():
        pytest.fail("the verb began")
    (run,) = lab.runs("hpo")
    assert run.info.status == "KILLED" and run.data.tags[Tag.REASON] == "interrupted"


@pytest.mark.parametrize(("error", "status"), [(WRONG, "failed"), (BELOW, "refused")])
def test_a_users_mistake_is_in_the_note(lab: Lab, error: ConfigError, status: str) -> None:
    with pytest.raises(type(error)), verb():
        raise error
    (run,) = lab.runs("hpo")
    assert run.info.status == "FAILED"
    assert run.data.tags[Tag.STATUS] == status and error.line in run.data.tags[Tag.NOTE]


def test_our_own_mistake_leaves_a_traceback(lab: Lab) -> None:
    with pytest.raises(ZeroDivisionError), verb() as opened:
        opened.parent.metric({"n_val": 1 / 0})
    (run,) = lab.runs("hpo")
    assert run.info.status == "FAILED" and run.data.tags[Tag.REASON] == "error"
    path = opened.own.artifact_path("traceback.txt")
    assert path is not None and "ZeroDivisionError" in path.read_text()


@pytest.mark.parametrize(("error", "status"), [(WRONG, "failed"), (BELOW, "refused")])
def test_a_mistake_before_the_run_is_opened_is_in_its_note(
    lab: Lab, error: ConfigError, status: str
) -> None:
    run_id = made_by_mlflow()
    mark_failed(run_id, error)
    stored = lab.run(run_id)
    assert stored.info.status == "FAILED" and stored.data.tags[Tag.STATUS] == status
    assert error.line in stored.data.tags[Tag.NOTE]
    assert stored.info.run_name == "hpo not begun", "no name that MLflow has drawn"
    assert stored.data.tags[Tag.KIND] == "invocation"
    with verb(run_id) as opened:  # the same run again, the mistake corrected
        assert opened.own.run_id == run_id


def test_a_mistake_without_a_run_to_write_it_on_is_left_at_that(lab: Lab) -> None:
    mark_failed("0" * 32, WRONG)
    assert lab.runs("hpo") == []


def test_runs_of_dead_processes_are_closed_and_others_are_not(lab: Lab) -> None:
    dead, alive, other_process = (create_run(Kind.TRIAL, name) for name in "abc")
    dead.tag({Tag.LEASE: dead_lease()})
    other_process.tag({Tag.LEASE: living_lease()})
    assert close_abandoned(time.time()) == 1
    assert lab.run(dead.run_id).info.status == "KILLED"
    assert lab.run(dead.run_id).data.tags[Tag.REASON] == "killed"
    for run in (alive, other_process):
        assert lab.run(run.run_id).info.status == "RUNNING"


def test_a_lease_of_another_machine_is_believed_until_it_runs_out(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "on another machine")
    lease = replace(take_lease(), host="elsewhere", system="another", token="its own")
    run.tag({Tag.LEASE: lease.encode()})
    assert close_abandoned(lease.expires - 1) == 0
    assert close_abandoned(lease.expires + 1) == 1
    assert lab.run(run.run_id).info.status == "KILLED"


def test_finished_runs_stay_as_they_are(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "done", tags={Tag.LEASE: dead_lease()})
    run.end(Status.OK, "completed")
    assert close_abandoned(time.time()) == 0
    assert lab.run(run.run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    "source",
    [str(PROJECT), f"file://{PROJECT}", "https://github.com/me/finscale.git"],
    ids=["folder", "address", "repository"],
)
def test_a_run_that_never_reached_our_code_is_closed_after_a_day(lab: Lab, source: str) -> None:
    run_id = made_by_mlflow(source)
    assert close_abandoned(time.time() + UNTAGGED_AFTER_S - 60) == 0
    assert close_abandoned(time.time() + UNTAGGED_AFTER_S + 60) == 1
    assert lab.run(run_id).info.status == "KILLED"


def test_runs_of_others_are_never_touched(lab: Lab) -> None:
    foreign = [
        made_by_mlflow("/home/me/another_project"),
        made_by_mlflow(str(PROJECT), entry_point="evaluate"),
        str(MlflowClient().create_run("0").info.run_id),
    ]
    assert close_abandoned(time.time() + 30 * 24 * 3600) == 0
    assert {lab.run(run_id).info.status for run_id in foreign} == {"RUNNING"}


def test_a_resumed_run_is_in_our_hands(lab: Lab) -> None:
    run = take_up(stored_run(made_by_mlflow()))
    assert Tag.LEASE in lab.run(run.run_id).data.tags
