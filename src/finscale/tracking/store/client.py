"""The one way to the store: every call of MLflow's client goes through the border.

Writes that order depends on are synchronous, whatever the environment says: a lease that is seen
late is no lease.
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
"""How long one try waits for a locked sqlite file: Ctrl-C is not heard meanwhile."""


# A server that does not answer is asked again by this border, which says so: MLflow would ask it
# seven times on its own, for minutes, without a word. A user's setting wins.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

_clients: dict[str, MlflowClient] = {}


def open_client() -> MlflowClient:
    """Return MLflow's client, with every call in one piece, patient, and with one-line errors.

    Raises
    ------
    StoreError
        If the store does not answer when it is first asked.
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
            check_store()  # in seconds: MLflow gives up a server that stands still in minutes
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


# MLflow logs each failed try with its traceback, and waits 20 s in each: the border says it once.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
event.listen(Engine, "before_cursor_execute", _shorten_busy_wait, retval=True)
