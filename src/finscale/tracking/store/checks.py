"""Check that the store answers and fits this version of MLflow, without retries.

MLflow retries a store that is down for minutes. This is right in the middle of a training, but
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
"""First major version of MLflow whose servers store logged models."""
_answered: set[str] = set()


def check_store_once() -> None:
    """Check the store on its first use in this process, and create it if it does not exist.

    Raises
    ------
    StoreError
        If the store does not answer or this MLflow cannot use it.
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
    """Send one small request to the store, without retries. Nothing is created.

    Raises
    ------
    StoreError
        If its address is wrong, it does not answer, or this MLflow cannot use it.
    """
    uri = store_address()
    check_tracking_uri(uri)
    if is_server(uri):
        ask(lambda: _check_server(uri), once=True)
    elif is_database(uri) and not _is_made_when_asked(uri):
        ask(lambda: _check_database(uri), once=True)


def models_obstacle() -> str:
    """Return why this store cannot store models, as far as known beforehand; else an empty text."""
    release = server_version()
    if int(release.partition(".")[0]) >= FIRST_WITH_MODELS:
        return ""
    return f"the tracking server is MLflow {release}, which keeps no logged models"


def server_version() -> str:
    """Return the version of MLflow behind the store: the server's or the installed one."""
    uri = store_address()
    if not is_server(uri):
        return version("mlflow")
    return ask(lambda: _ask_server(uri, _VERSION, "GET").strip())


def _is_made_when_asked(uri: str) -> bool:
    """Return True if the store is a sqlite file that MLflow will create."""
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
