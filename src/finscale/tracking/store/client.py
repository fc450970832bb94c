"""MLflow client with retries and one-line errors, used for all access to the store.

Writes whose order matters are synchronous, whatever the environment says: a lease that becomes
visible late is useless.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from typing import Any

from mlflow import MlflowClient
from sqlalchemy import Engine, event

from finscale.tracking.store.address import is_server, store_address
from finscale.tracking.store.checks import check_store, check_store_once
from finscale.tracking.store.retry import ask, is_doubted

BUSY_MS = 2000
"""Milliseconds that one attempt waits for a locked sqlite file; Ctrl-C has no effect meanwhile."""


# Retries are made here, with a message. MLflow on its own would retry seven times, silently and for
# minutes. A user's own setting has priority.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

_clients: dict[str, MlflowClient] = {}


def open_client() -> MlflowClient:
    """Return MLflow's client, whose calls are uninterrupted, retried, and raise one-line errors.

    Raises
    ------
    StoreError
        If the store does not answer the first request.
    """
    check_store_once()
    uri = store_address()
    if uri not in _clients:
        _clients[uri] = ask(_BorderClient)
    return _clients[uri]


class _BorderClient(MlflowClient):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _through_border(found) if inspect.ismethod(found) and name[0] != "_" else found


def _through_border(method: Any) -> Any:
    at_once = {"synchronous": True} if "synchronous" in _parameters(method.__func__) else {}

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        if is_doubted() and is_server(store_address()):
            check_store()  # takes seconds, while MLflow waits minutes for a frozen server
        return ask(lambda: method(*arguments, **(at_once | named)))

    return call


@functools.cache
def _parameters(function: Any) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _shorten_busy_wait(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    if statement.startswith("PRAGMA busy_timeout"):
        statement = f"PRAGMA busy_timeout = {BUSY_MS};"
    return statement, parameters


# MLflow logs the traceback of each failed attempt and waits 20 s. Here, it is reported once.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
event.listen(Engine, "before_cursor_execute", _shorten_busy_wait, retval=True)
