"""A stop waits until the store is left."""

from __future__ import annotations

import signal
import sqlite3
import threading

import pytest

from finscale.config import unbroken
from finscale.tracking import Kind, Tag, create_run
from finscale.tracking.store import open_client
from tests.lab import Lab


def stopped_on_the_way(done: list[str]) -> None:
    with unbroken():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        stopped_on_the_way(done)
    assert done == ["the rest"]


def test_blocks_within_blocks_end_together() -> None:
    done: list[str] = []

    def outer() -> None:
        with unbroken():
            stopped_on_the_way(done)
            done.append("the outer rest")

    with pytest.raises(KeyboardInterrupt):
        outer()
    assert done == ["the rest", "the outer rest"]


def test_handlers_are_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with unbroken():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), unbroken():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_write_as_ever(lab: Lab) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    thread = threading.Thread(target=lambda: run.tag({Tag.REASON: "from a thread"}))
    thread.start()
    thread.join()
    assert lab.run(run.run_id).data.tags[Tag.REASON] == "from a thread"


def test_a_stop_within_a_transaction_leaves_the_store_unlocked(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(Kind.TRIAL, "a trial")
    store = open_client()._tracking_client.store
    log_params = type(store)._log_params

    def stopped_inside(self: object, *arguments: object) -> None:
        log_params(self, *arguments)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(type(store), "_log_params", stopped_inside)
    with pytest.raises(KeyboardInterrupt):
        run.param({"budget": "9K"})
    assert lab.run(run.run_id).data.params == {"budget": "9K"}
    connection = sqlite3.connect(lab.folder / "mlflow.db", timeout=0)
    connection.execute("BEGIN EXCLUSIVE")
    connection.close()
