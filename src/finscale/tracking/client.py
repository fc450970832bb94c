"""The one way to the store: a stop waits until a call is over.

Ctrl-C in the middle of a transaction would keep a sqlite store locked, for the very lines that
close the runs and for every other process.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from finscale.config import StoreError
from finscale.config import unbroken as unbroken  # callers know it from here
from finscale.tracking.answers import check_store_once

_DELETED = "must be in the 'active' state"


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
