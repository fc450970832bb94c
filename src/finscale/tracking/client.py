"""The one way to the store: a stop waits until a call is over.

Ctrl-C in the middle of a transaction would keep a sqlite store locked, for the very lines that
close the runs and for every other process.
"""

from __future__ import annotations

import functools
import inspect
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from finscale.config import StoreError
from finscale.tracking.answers import check_store_once

_DELETED = "must be in the 'active' state"
_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the block is over; then they do what they always do."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    held: list[int] = []
    before = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        signal.signal(number, lambda number, _: held.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def open_client() -> MlflowClient:
    """Return MLflow's client, with every call in one piece.

    Raises
    ------
    StoreError
        If the store does not answer when it is first asked.
    """
    with unbroken():
        check_store_once()
        return _UnbrokenClient()


def store_address() -> str:
    """Return the address of the tracking store in use."""
    return str(mlflow.get_tracking_uri())


class _UnbrokenClient(MlflowClient):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _in_one_piece(found) if inspect.ismethod(found) and name[0] != "_" else found


def _deleted(run_id: str) -> StoreError:
    return StoreError(
        f"run {run_id}",
        expected="a run that is there while it is worked on",
        got="one that was deleted",
        todo=f"Give `mlflow runs restore --run-id {run_id}`, then the same line again.",
    )


def _in_one_piece(method: Any) -> Any:
    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            with unbroken():
                return method(*arguments, **named)
        except MlflowException as error:
            if _DELETED in str(error):
                raise _deleted(str(arguments[0]) if arguments else "") from None
            raise

    return call
