"""Every way in which a call to the store may fail, and the line that it becomes.

``python -m tests.faults`` writes docs/store_faults.md anew.
"""

from __future__ import annotations

import errno
import inspect
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import requests.exceptions
import sqlalchemy.exc
import urllib3.exceptions
from mlflow.exceptions import InvalidUrlException, MlflowException, RestException
from mlflow.protos.databricks_pb2 import ErrorCode

PAGE = Path(__file__).resolve().parents[1] / "docs" / "store_faults.md"
STORE = "tracking store postgresql://me:***@db.example.org/mlflow"
ADDRESS = "postgresql://me:s3cret@db.example.org/mlflow"
_HEAD = """# What a fault of the store becomes

This page lists the errors that the libraries below the tracking store can raise, and the message
that each becomes. *waits* means that the call is first tried again for up to
`FINSCALE_STORE_WAIT_S` seconds (300), after a message that says so. Then the message on the right
ends the command with exit code 2. (A row with several errors has the message of the first.)
`python -m tests.faults` writes this page; `tests/unit/tracking/test_faults.py` raises each of these
errors at every call to the store, and fails when the page is out of date.

| error | waits | the line |
|---|---|---|
"""
_SAYS = {
    sqlite3.OperationalError: [
        "database is locked",
        "attempt to write a readonly database",
        "unable to open database file",
        "database or disk is full",
        "disk I/O error",
        "no such table: runs",
        "no such column: runs.deleted_time",
    ],
    sqlite3.DatabaseError: ["file is not a database", "database disk image is malformed"],
    psycopg2.OperationalError: [
        'connection to server at "db.example.org", port 5432 failed: Connection refused',
        'could not translate host name "db.example.org" to address: Name or service not known',
        'FATAL:  password authentication failed for user "me"',
        'FATAL:  database "mlflow" does not exist',
        "FATAL:  sorry, too many clients already",
        "FATAL:  the database system is starting up",
        "server closed the connection unexpectedly",
        "SSL connection has been closed unexpectedly",
    ],
    psycopg2.InterfaceError: ["connection already closed"],
    psycopg2.errors.UndefinedTable: ['relation "runs" does not exist'],
    psycopg2.errors.DeadlockDetected: ["deadlock detected"],
    psycopg2.errors.ReadOnlySqlTransaction: ["cannot execute INSERT in a read-only transaction"],
}
_BOTO = {
    "NoCredentialsError": "Unable to locate credentials",
    "PartialCredentialsError": "Partial credentials found in env, missing: aws_secret_access_key",
    "EndpointConnectionError": 'Could not connect to the endpoint URL: "http://minio:9000/"',
    "ConnectTimeoutError": 'Connect timeout on endpoint URL: "http://minio:9000/"',
    "ReadTimeoutError": 'Read timeout on endpoint URL: "http://minio:9000/"',
    "ClientError": "An error occurred (AccessDenied) when calling the PutObject operation",
    "NoSuchBucket": "An error occurred (NoSuchBucket) when calling the PutObject operation",
    "SlowDown": "An error occurred (SlowDown) when calling the PutObject operation",
    "ParamValidationError": "Parameter validation failed: Invalid bucket name",
}
_FILES = {
    errno.EACCES: "/mlruns/0",
    errno.EROFS: "/mlruns/0",
    errno.ENOSPC: "/mlruns/0",
    errno.EDQUOT: "/mlruns/0",
    errno.ENOENT: "/mlruns/0",
    errno.ENOTDIR: "/mlruns/0",
    errno.EISDIR: "/mlruns/0",
    errno.EEXIST: "/mlruns/0",
    errno.EIO: "/mlruns/0",
    errno.ESTALE: "/mlruns/0",
    errno.EMFILE: "/mlruns/0",
    errno.ENAMETOOLONG: "/mlruns/0",
    errno.EFBIG: "/mlruns/0",
    errno.ETIMEDOUT: "/mlruns/0",
}
_PARTS = {
    "statement": "SELECT 1", "params": {}, "orig": None, "ismulti": False, "hide_parameters": False,
    "detail": [], "partial": 7, "expected": 11, "length": 11, "response": None,
}  # fmt: skip
"""What the constructors would have set, and the messages look at."""
_OTHERS = (
    ModuleNotFoundError("No module named 'boto3'"),
    ModuleNotFoundError("No module named 'psycopg2'"),
    ModuleNotFoundError("No module named 'google.cloud'"),
    ValueError("Failed to convert 'x' for MLFLOW_HTTP_REQUEST_TIMEOUT: could not convert to int"),
    KeyError("run"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
)


def errors() -> Iterator[BaseException]:
    """Yield every error: of MLflow, databases, HTTP, object stores, files, and of none of these."""
    yield from _of_mlflow()
    yield from _of_databases()
    yield from _of_http()
    for name, said in _BOTO.items():
        yield type(name, (Exception,), {"__module__": "botocore.exceptions"})(said)
    for number, path in _FILES.items():
        yield OSError(number, os.strerror(number), path)
    yield from _OTHERS


def _of_mlflow() -> Iterator[BaseException]:
    for code in ErrorCode.keys():  # noqa: SIM118 - no dictionary
        yield MlflowException("said by MLflow", ErrorCode.Value(code))
        yield RestException({"error_code": code, "message": "said by the server"})
    yield InvalidUrlException("Invalid url: http://")
    yield MlflowException("The run 7f must be in the 'active' state. Current state is deleted.")
    yield MlflowException("The experiment 0 must be in the 'active' state. Current: deleted.")
    yield MlflowException("API request to endpoint /x failed with error code 413 != 200")
    yield MlflowException(
        "Detected out-of-date database schema (found version a, but expected b). Run 'mlflow db'"
    )


def _of_databases() -> Iterator[BaseException]:
    for kind, sayings in _SAYS.items():
        for said in sayings:
            wrapped = getattr(sqlalchemy.exc, kind.__mro__[-5].__name__, None)
            made = wrapped or sqlalchemy.exc.OperationalError
            yield made("SELECT 1", {}, kind(said))
    for kind in _classes(sqlalchemy.exc, sqlalchemy.exc.SQLAlchemyError):
        if not issubclass(kind, sqlalchemy.exc.DBAPIError):
            yield _made(kind)


def _of_http() -> Iterator[BaseException]:
    for kind in _classes(requests.exceptions, requests.exceptions.RequestException):
        yield _made(kind)
    for kind in _classes(urllib3.exceptions, urllib3.exceptions.HTTPError):
        yield _made(kind)


def _classes(module: object, base: type[BaseException]) -> list[type[BaseException]]:
    found = (value for _, value in sorted(vars(module).items()) if inspect.isclass(value))
    return [one for one in found if issubclass(one, base) and not issubclass(one, Warning)]


def _made(kind: type[BaseException]) -> BaseException:
    """Make an error without its constructor, which wants connections and pools."""
    error = kind.__new__(kind)
    Exception.__init__(error, f"said of {ADDRESS}")
    vars(error).update(_PARTS)
    return error


def page() -> str:
    """Return the table: a row for each rule, with the errors that it recognises."""
    from finscale.tracking.store.faults import find_rule, read_fault
    from finscale.tracking.store.rules import ANY, RULES

    found: dict[int, list[BaseException]] = {}
    for error in errors():
        rule, _ = find_rule(error)
        found.setdefault(RULES.index(rule) if rule in RULES else len(RULES), []).append(error)
    rows = []
    for number in sorted(found):
        rule = (*RULES, ANY)[number]
        names = ", ".join(dict.fromkeys(_name(error) for error in found[number]))
        example = read_fault(found[number][0], STORE).error.line
        waits = "waits" if rule.passes else ""
        rows.append(f"| {names} | {waits} | {example} |".replace("\n", " "))
    return _HEAD + "\n".join(rows) + "\n"


def _name(error: BaseException) -> str:
    """Name an error by its class and code, and by its message where the class says too little."""
    inner = getattr(error, "orig", None) or error
    name = type(inner).__qualname__
    module = type(inner).__module__.partition(".")[0]
    code = getattr(inner, "error_code", None)
    name = name if module in ("builtins", "mlflow") else f"{module} {name}"
    if code:
        return f"{name} {code}"
    says_little = module in ("sqlite3", "psycopg2", "botocore", "builtins")
    return f"{name} *{str(inner).strip()}*" if says_little else name


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
