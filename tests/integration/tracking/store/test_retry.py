"""A store that does not answer: waited for with one line, then named with one; nothing is lost."""

from __future__ import annotations

import logging
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from finscale.config import StoreError
from finscale.tracking import End, Kind, Status, Tag, create_run, finals, trials
from finscale.tracking.store import ask, open_client
from tests.lab import CELL, PROBLEM, Lab

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another program keep a sqlite file locked until it is told to let go."""
    command = [sys.executable, "-c", HOLD, str(database)]
    holder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert holder.stdout and holder.stdout.readline() == "locked\n"
        yield holder
    finally:
        holder.communicate("let go\n")


def let_go(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin
    holder.stdin.write("let go\n")
    holder.stdin.flush()
    holder.wait()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "1")
    monkeypatch.setattr("finscale.tracking.store.client.BUSY_MS", 100)
    return monkeypatch


def test_a_lock_that_is_let_go_of_costs_a_line_and_no_more(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("finscale.tracking.store.client.BUSY_MS", 100)
    run = create_run(Kind.TRIAL, "a trial")
    with locked(lab.folder / "mlflow.db") as holder:
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                let_go(holder)

        monkeypatch.setattr("finscale.tracking.store.retry.time.sleep", sleep)
        run.tag({Tag.REASON: "written in the end"})
    assert lab.run(run.run_id).data.tags[Tag.REASON] == "written in the end"
    assert len(waited) == 3
    (said,) = [record for record in caplog.records if record.name == "finscale"]
    assert said.levelno == logging.WARNING
    assert "program keeps locked. Waiting for it, 5 minutes at most." in said.getMessage()


@pytest.mark.usefixtures("patience")
def test_a_lock_that_stays_is_said_with_who_holds_it(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    with locked(lab.folder / "mlflow.db") as holder:
        with pytest.raises(StoreError, match="keeps locked") as caught:
            run.tag({Tag.REASON: "x"})
        assert f"process {holder.pid}, python" in caught.value.line
    run.tag({Tag.REASON: "afterwards"})
    assert lab.run(run.run_id).data.tags[Tag.REASON] == "afterwards"


def test_a_store_that_was_given_up_is_asked_once_until_it_answers(
    lab: Lab, patience: pytest.MonkeyPatch
) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    with locked(lab.folder / "mlflow.db"):
        with pytest.raises(StoreError):
            run.tag({Tag.REASON: "x"})
        slept: list[float] = []
        patience.setattr("finscale.tracking.store.retry.time.sleep", slept.append)
        with pytest.raises(StoreError):
            run.tag({Tag.REASON: "y"})
        assert slept == []
    run.tag({Tag.REASON: "z"})


def test_frames_are_read_from_a_locked_store_once_it_is_free(
    trained: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(trained.folder / "mlflow.db") as holder:
        monkeypatch.setattr("finscale.tracking.store.retry.time.sleep", lambda _: let_go(holder))
        monkeypatch.setattr("finscale.tracking.store.address.TIMEOUT_S", 1)
        assert len(finals(problem=PROBLEM)) == 4


@pytest.mark.usefixtures("patience")
def test_a_search_on_a_locked_store_puts_its_trial_aside_and_goes_on_with_it(lab: Lab) -> None:
    with locked_at_the_first_epoch(lab) as listen, pytest.raises(StoreError, match="keeps locked"):
        lab.hpo(n_trials=1, epochs=4, listen=listen)
    (trial,) = lab.runs(Kind.TRIAL)
    assert trial.data.tags.get(Tag.STATUS) != Status.FAILED
    lab.hpo(n_trials=1, epochs=4)
    (again,) = lab.runs(Kind.TRIAL)
    assert again.info.run_id == trial.info.run_id
    assert again.data.tags[Tag.STATUS] == "ok" and again.info.status == "FINISHED"
    assert {run.info.status for run in lab.runs(Kind.HPO)} == {"FINISHED"}
    assert len(trials(cell=CELL)) == 1


@pytest.mark.usefixtures("patience")
def test_a_store_that_is_away_again_and_again_fails_no_trial(lab: Lab) -> None:
    for _ in range(3):
        with locked_at_the_first_epoch(lab) as listen, pytest.raises(StoreError, match="locked"):
            lab.hpo(n_trials=1, epochs=4, listen=listen)
    lab.hpo(n_trials=1, epochs=4)
    (trial,) = lab.runs(Kind.TRIAL)
    assert trial.data.tags[Tag.STATUS] == "ok"
    assert not list((lab.data_root / "checkpoints").glob(f"{trial.info.run_id}*"))


@contextmanager
def locked_at_the_first_epoch(lab: Lab) -> Iterator[object]:
    """Yield a listener at whose first news of an epoch another program locks the store."""
    holders: list[object] = []

    def listen(event: object) -> None:
        if "epoch 1" in getattr(event, "text", "") and not holders:
            lock = locked(lab.folder / "mlflow.db")
            lock.__enter__()
            holders.append(lock)

    try:
        yield listen
    finally:
        assert holders, "no epoch was told of"
        holders[0].__exit__(None, None, None)  # type: ignore[attr-defined]


def test_a_locked_file_of_optuna_is_one_line_and_fails_no_trial(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.search.shared.WAIT_S", 0.2)
    lab.hpo(n_trials=1, epochs=2)
    files = (lab.data_root / "searches").glob("*.db")
    file = max(files, key=lambda path: path.stat().st_mtime)
    with locked(file), pytest.raises(StoreError, match="Optuna's database to answer") as caught:
        lab.hpo(n_trials=2, epochs=2)
    assert "database is locked" in caught.value.line
    lab.hpo(n_trials=2, epochs=2)
    statuses = [run.data.tags[Tag.STATUS] for run in lab.runs(Kind.TRIAL)]
    assert statuses == ["ok", "ok"]


@pytest.mark.usefixtures("patience")
def test_a_final_on_a_locked_store_is_no_failure(lab: Lab) -> None:
    lab.hpo()
    with locked_at_the_first_epoch(lab) as listen, pytest.raises(StoreError, match="keeps locked"):
        lab.train(top_k=1, n_seeds=1, listen=listen)
    assert [run.data.tags.get(Tag.STATUS) for run in lab.runs(Kind.FINAL)] == [None]
    lab.train(top_k=1, n_seeds=1)
    assert [run.data.tags[Tag.STATUS] for run in lab.runs(Kind.FINAL)] == ["ok"]


@pytest.mark.usefixtures("patience")
def test_a_first_error_is_not_buried_under_that_of_closing(lab: Lab) -> None:
    from finscale.tracking import verb_run

    def broken() -> None:
        with verb_run(Kind.DATA, "data", run_id=None, params={}, tags={}, resume=""):
            lock.__enter__()
            raise ZeroDivisionError("the first error")

    lock = locked(lab.folder / "mlflow.db")
    with pytest.raises(ZeroDivisionError, match="the first error"):
        broken()
    lock.__exit__(None, None, None)


def test_a_failure_is_on_record_though_its_traceback_cannot_be_stored(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    (lab.folder / "mlruns").write_text("in the way of the folder")
    run.close(End(Status.FAILED, "error", traceback="Traceback ..."))
    stored = lab.run(run.run_id)
    assert stored.info.status == "FAILED" and stored.data.tags[Tag.REASON] == "error"


def test_a_file_that_was_removed_is_not_said_to_be_read_only(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    run.tag({Tag.REASON: "x"})
    (lab.folder / "mlflow.db").unlink()
    with pytest.raises(StoreError, match="it was removed or moved meanwhile"):
        run.tag({Tag.REASON: "y"})


@pytest.mark.usefixtures("lab")
def test_a_call_that_takes_long_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("finscale.tracking.store.retry.SAID_AFTER_S", 0.05)

    def slow() -> str:
        until = time.monotonic() + 20.0
        while not caplog.records and time.monotonic() < until:
            time.sleep(0.01)
        return "answered"

    assert ask(slow) == "answered"
    (said,) = caplog.records
    assert "mlflow.db: no answer for 0.05 s. Waiting for it." in said.getMessage()


@pytest.mark.usefixtures("lab")
def test_after_ctrl_c_a_store_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.tracking.store.retry.was_stopped", lambda: True)
    slept: list[float] = []  # is what time there is
    monkeypatch.setattr("finscale.tracking.store.retry.time.monotonic", lambda: sum(slept))
    monkeypatch.setattr("finscale.tracking.store.retry.time.sleep", slept.append)

    def call() -> None:
        raise sqlite3.OperationalError("database is locked")

    with pytest.raises(StoreError, match="keeps locked"):
        ask(call)
    assert 1.0 < sum(slept) < 20.0, "and not the minutes of a store that nobody has stopped"


def test_a_server_that_stands_still_is_asked_briefly_once_it_was_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as still:  # takes connections, answers none
        uri = f"http://127.0.0.1:{still.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setattr("finscale.tracking.store.checks.TIMEOUT_S", 0.3)
        # It answered when the command began.
        monkeypatch.setattr("finscale.tracking.store.client.check_store_once", lambda: None)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        client = open_client()
        for wait_s, timeout_s in (("0", "1"), ("300", "60")):
            monkeypatch.setenv("FINSCALE_STORE_WAIT_S", wait_s)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", timeout_s)
            began = time.monotonic()
            with pytest.raises(StoreError, match="expected an MLflow store that answers"):
                client.get_run("0" * 32)
            assert time.monotonic() - began < 15.0


@pytest.mark.usefixtures("lab")
def test_ctrl_c_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("finscale.tracking.store.retry.time.sleep", interrupted)

    def call() -> None:
        raise sqlite3.OperationalError("database is locked")

    with pytest.raises(KeyboardInterrupt):
        ask(call)
