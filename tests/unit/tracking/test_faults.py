"""Whatever a call to the store raises becomes one line; what may pass is tried again."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from mlflow import MlflowClient

from finscale.config import StoreError
from finscale.tracking.store import GoneError, TakenError, ask, open_client
from finscale.tracking.store.faults import LONGEST, read_fault
from tests import faults

CALLS = (
    "create_experiment", "create_model_version", "create_registered_model", "create_run",
    "delete_tag", "download_artifacts", "get_experiment", "get_experiment_by_name",
    "get_metric_history", "get_model_version_by_alias", "get_model_version_download_uri",
    "get_run", "list_artifacts", "log_artifact", "log_batch", "log_inputs", "search_experiments",
    "search_runs", "set_registered_model_alias", "set_terminated", "update_run",
)  # fmt: skip

_numbers = count()


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "0")
    # A store of the test's own: what one has given up is not waited for in the next.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:s3cret@127.0.0.1:9/{next(_numbers)}")
    for look in ("check_store_once", "check_store"):
        monkeypatch.setattr(f"finscale.tracking.store.client.{look}", lambda: None)


def check(line: str) -> None:
    """Check what the design promises of every line."""
    assert "\n" not in line and "s3cret" not in line and "Traceback" not in line
    assert ": expected " in line and "; got " in line and line.endswith(".")
    assert len(line) < 2 * LONGEST + 400


@pytest.mark.parametrize("call", CALLS)
def test_every_error_at_every_call_is_one_line(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    n_errors = 0
    for error in faults.errors():

        def fails(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(MlflowClient, call, fails)
        with pytest.raises(StoreError) as caught:
            getattr(open_client(), call)()
        check(caught.value.line)
        assert caught.value.__cause__ is error, "what came first is kept for the traceback"
        n_errors += 1
    assert n_errors > 250


def test_the_page_of_faults_is_of_today() -> None:
    assert faults.PAGE.read_text(encoding="utf-8") == faults.page(), "python -m tests.faults"


def test_every_call_of_the_client_goes_through_the_border() -> None:
    client = open_client()
    assert all(getattr(client, call).__name__ == call for call in CALLS)
    assert all(getattr(client, call).__qualname__ != "" for call in CALLS)
    assert getattr(client, "log_batch") is not getattr(client, "log_batch")  # noqa: B009 - wrapped


@pytest.mark.parametrize("text", ["", "x" * 100_000, "two\nlines", "{0} {store} {", "%s"])
def test_a_foreign_message_of_any_kind_is_quoted_in_part(text: str) -> None:
    check(read_fault(RuntimeError(text), faults.STORE).error.line)


def test_an_error_within_an_error_is_read_to_its_root() -> None:
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as inner:
            raise RuntimeError("API request failed") from inner
    except RuntimeError as error:
        fault = read_fault(error, faults.STORE)
    assert fault.passes and "got [Errno 111] Connection refused." in fault.error.line


def test_errors_that_refer_to_each_other_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    check(read_fault(one, faults.STORE).error.line)


def test_what_passes_is_tried_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "60")
    pauses: list[float] = []
    monkeypatch.setattr("finscale.tracking.store.retry.time.sleep", pauses.append)

    def call() -> str:
        if len(pauses) < 5:
            raise ConnectionResetError("Connection reset by peer")
        return "an answer"

    assert ask(call) == "an answer"
    assert pauses == [0.2, 0.5, 1.0, 2.0, 5.0]


def test_what_does_not_pass_is_tried_once() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise PermissionError(13, "Permission denied", "/mlruns/0")

    with pytest.raises(StoreError):
        ask(call)
    assert calls == [1]


def test_answers_that_are_none_have_classes_of_their_own() -> None:
    from mlflow.exceptions import RestException

    for code, kind in (
        ("RESOURCE_DOES_NOT_EXIST", GoneError),
        ("RESOURCE_ALREADY_EXISTS", TakenError),
    ):
        error = RestException({"error_code": code, "message": "x"})
        assert type(read_fault(error, faults.STORE).error) is kind
