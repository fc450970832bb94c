"""Whether the store answers, asked once and at once.

MLflow asks a store that is down again and again, for minutes: right in the middle of a training,
wrong before anything has begun.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy import Engine, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from finscale.config import StoreError

TIMEOUT_S = 10
_ONE_EXPERIMENT = "/api/2.0/mlflow/experiments/search"
_answered: set[str] = set()


def check_store_once() -> None:
    """Check the store when this process first turns to it: later on, MLflow is patient.

    Raises
    ------
    StoreError
        If it does not answer.
    """
    if mlflow.get_tracking_uri() not in _answered:
        check_store()


def check_store() -> None:
    """Ask the store for one small thing, without a second try.

    Raises
    ------
    StoreError
        If it does not answer.
    """
    uri = mlflow.get_tracking_uri()
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif is_database(uri) and not _is_made_when_asked(uri):
        _check_database(uri)
    _answered.add(uri)


def is_database(uri: str) -> bool:
    """Tell whether a store is a database that can be asked directly."""
    return uri.split(":")[0].split("+")[0] in DATABASE_ENGINES


def open_engine(uri: str) -> Engine:
    """Return an engine that waits for the database no longer than `TIMEOUT_S`.

    Raises
    ------
    StoreError
        If the address is wrong or its driver is not installed.
    """
    waits = uri.startswith(("postgresql", "mysql"))
    options = {"connect_timeout": TIMEOUT_S} if waits else {}
    try:
        return create_engine(uri, connect_args=options)
    except ImportError as error:
        raise StoreError(
            f"tracking store {shown(uri)}",
            expected="the Python driver of this database",
            got=str(error),
            todo="Install it, or name one that is there: postgresql+psycopg2://, say.",
        ) from None
    except SQLAlchemyError as error:
        raise no_answer(uri, reason(error)) from None


def no_answer(uri: str, got: str) -> StoreError:
    """Return the one line about a store that cannot be asked; a password is not in it."""
    return StoreError(
        f"tracking store {shown(uri)}",
        expected="an MLflow store that answers",
        got=got,
        todo="Start it, or set MLFLOW_TRACKING_URI to the one you mean.",
    )


def shown(uri: str) -> str:
    """Write an address without its password."""
    try:
        return make_url(uri).render_as_string(hide_password=True)
    except ArgumentError:
        return uri


def reason(error: BaseException) -> str:
    """Return the first line of what went wrong, where a driver has wrapped it: the driver's own."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().split("\n")[0] or type(cause).__name__


def _is_made_when_asked(uri: str) -> bool:
    """Tell whether MLflow will make the very folder of a sqlite file."""
    path = make_url(uri).database if uri.startswith("sqlite") else None
    return path is not None and not Path(path).parent.exists()


def _check_server(uri: str) -> None:
    try:
        answer = http_request(
            get_default_host_creds(uri),
            _ONE_EXPERIMENT,
            "POST",
            max_retries=0,
            timeout=TIMEOUT_S,
            raise_on_status=False,
            json={"max_results": 1},
        )
    except MlflowException as error:
        raise no_answer(uri, _why_no_connection(error)) from None
    if answer.status_code != 200:
        raise no_answer(uri, f"the answer {answer.status_code} {answer.reason}")


def _why_no_connection(error: MlflowException) -> str:
    """Return the innermost reason: around it stand the names of three libraries' errors."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return f"no connection ({reason(inner)})"


def _check_database(uri: str) -> None:
    engine = open_engine(uri)
    try:
        with engine.connect() as connection:
            # sqlite opens any file: what is in it shows when it is read.
            inspect(connection).has_table("experiments")
    except SQLAlchemyError as error:
        raise no_answer(uri, reason(error)) from None
    finally:
        engine.dispose()
