"""Whether the store answers and is of this MLflow's make: asked once and at once.

MLflow asks a store that is down again and again, for minutes: right in the middle of a training,
wrong before anything has begun.
"""

from __future__ import annotations

from importlib.metadata import version

from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from finscale.config import StoreError, check_tracking_uri
from finscale.tracking.store.address import (
    TIMEOUT_S,
    database_file,
    is_database,
    is_server,
    open_engine,
    store_address,
    store_name,
)
from finscale.tracking.store.retry import ask
from finscale.tracking.store.schema import Make, check_schema, ensure_made, settled_schema

_ONE_EXPERIMENT = "/api/2.0/mlflow/experiments/search"
_VERSION = "/version"
FIRST_WITH_MODELS = 3
"""Release of MLflow since which servers keep logged models."""
_answered: set[str] = set()


def check_store_once() -> None:
    """Check the store when this process first turns to it, and make it where there is none.

    Raises
    ------
    StoreError
        If it does not answer, or cannot be used by this MLflow.
    """
    uri = store_address()
    if uri in _answered:
        return
    if is_database(uri):
        check_tracking_uri(uri)
        ask(lambda: ensure_made(uri), once=database_file(uri) is None)
    else:
        check_store()
    _answered.add(uri)


def check_store() -> None:
    """Ask the store for one small thing, without a second try; nothing is made.

    Raises
    ------
    StoreError
        If its address is wrong, it does not answer, or it cannot be used by this MLflow.
    """
    uri = store_address()
    check_tracking_uri(uri)
    if is_server(uri):
        ask(lambda: _check_server(uri), once=True)
    elif is_database(uri) and not _is_made_when_asked(uri):
        ask(lambda: _check_database(uri), once=True)


def models_obstacle() -> str:
    """Say why this store cannot keep models, where that is known beforehand; else nothing."""
    release = server_version()
    if int(release.partition(".")[0]) >= FIRST_WITH_MODELS:
        return ""
    return f"the tracking server is MLflow {release}, which keeps no logged models"


def server_version() -> str:
    """Return the version of the MLflow that holds the store: the server's, or our own."""
    uri = store_address()
    if not is_server(uri):
        return version("mlflow")
    return ask(lambda: _ask_server(uri, _VERSION, "GET").strip())


def _is_made_when_asked(uri: str) -> bool:
    """Tell whether MLflow will make a sqlite file."""
    path = database_file(uri)
    return path is not None and not path.exists()


def _check_database(uri: str) -> None:
    engine = open_engine(uri)
    try:
        schema = settled_schema(engine)
    finally:
        engine.dispose()
    if schema.make is not Make.EMPTY:
        check_schema(uri, schema)


def _check_server(uri: str) -> None:
    _ask_server(uri, _ONE_EXPERIMENT, "POST", json={"max_results": 1})


def _ask_server(uri: str, endpoint: str, method: str, **content: object) -> str:
    answer = http_request(
        get_default_host_creds(uri),
        endpoint,
        method,
        max_retries=0,
        timeout=TIMEOUT_S,
        raise_on_status=False,
        **content,
    )
    if answer.status_code == 200:
        return str(answer.text)
    todo = {
        401: "Look at MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN.",
        403: "Look at MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN.",
        404: "Is there an MLflow server at this address? Correct MLFLOW_TRACKING_URI.",
    }.get(
        answer.status_code, "Look at the server's own log, or set MLFLOW_TRACKING_URI to another."
    )
    raise StoreError(
        store_name(uri),
        expected="an MLflow server that answers",
        got=f"the answer {answer.status_code} {answer.reason}",
        todo=todo,
    )
