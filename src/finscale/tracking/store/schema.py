"""Tables of a database: created by one process at a time, and checked against this MLflow.

MLflow creates them without a lock: if three commands begin together in a new store, two fail half
way and leave tables that can be neither used nor upgraded. It also upgrades an older store without
asking if tables are missing. Here, tables are created under a lock and only in an empty database.
Older, newer and half-made databases are refused.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import mlflow
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from filelock import FileLock
from mlflow.store.db.utils import _get_alembic_config, _get_latest_schema_revision
from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from finscale.config import StoreError, without_passwords
from finscale.tracking.store.address import database_file, open_engine, store_name

SETTLE_S = 20.0
"""Seconds to wait for another program, such as MLflow itself, to finish creating the tables."""
LOCK_S = 120.0
"""Seconds to wait for the lock. Creation takes two, so a longer holder has stopped."""
_LEFTOVER = "_alembic_tmp_"


class Make(StrEnum):
    """State of a database's tables, compared with those of this MLflow."""

    CURRENT = "current"
    EMPTY = "empty"
    HALF = "half-made"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "another program's"


@dataclass(frozen=True)
class Schema:
    """The tables of a database.

    Attributes
    ----------
    found, expected : str
        Revisions of MLflow's schema; `found` is empty if none is recorded.
    holds_runs : bool
        True if any run is stored.
    """

    make: Make
    found: str
    expected: str
    holds_runs: bool


def ensure_made(uri: str) -> None:
    """Create the tables of an empty database, and refuse a database that this MLflow cannot use.

    Raises
    ------
    StoreError
        If this MLflow cannot use the database. The message says what to do.
    """
    engine = open_engine(uri)
    try:
        if _may_be_unmade(uri, engine):
            with _lock(uri, engine):
                if read_schema(engine).make is Make.EMPTY:
                    _make(uri)
            _remove_lock(uri)
        check_schema(uri, settled_schema(engine))
    finally:
        engine.dispose()


def _may_be_unmade(uri: str, engine: Engine) -> bool:
    """Return True if there are no tables, or another process may be creating them."""
    file = database_file(uri)
    if file is not None and not file.exists():  # reading would create an empty file
        return True
    return read_schema(engine).make in (Make.EMPTY, Make.HALF)


def read_schema(engine: Engine) -> Schema:
    """Read the state of the tables, without changes."""
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        expected = _get_latest_schema_revision()
        found = _revision(connection) if "alembic_version" in tables else ""
        n_runs = _count(connection, "runs") if "runs" in tables else 0
        n_experiments = _count(connection, "experiments") if "experiments" in tables else 0
    make = _compare(tables, found, expected, is_used=n_experiments > 0)
    return Schema(make, found, expected, n_runs > 0)


def check_schema(uri: str, schema: Schema) -> None:
    """Refuse a database that this MLflow cannot use.

    Raises
    ------
    StoreError
        If this MLflow cannot use the database. The message says what to do.
    """
    if schema.make is Make.CURRENT:
        return
    shown, file = without_passwords(uri), database_file(uri)
    this = f"schema {schema.expected} of MLflow {mlflow.__version__}"
    got = f"{schema.make} ({schema.found or 'no schema on record'})"
    todo = {
        Make.OLDER: f"Make a copy of it, then give `mlflow db upgrade {shown}`.",
        Make.NEWER: "A newer MLflow has written it: open it with that one, or set "
        "MLFLOW_TRACKING_URI to another store.",
        Make.FOREIGN: "Set MLFLOW_TRACKING_URI to a database of MLflow's own.",
        Make.HALF: "Making or upgrading it was cut short. "
        + (
            "Put back the copy from before the upgrade."
            if schema.holds_runs
            else f"It holds no run: delete {file or 'its tables'}, then give the same line again."
        ),
    }[schema.make]
    raise StoreError(store_name(uri), expected=this, got=got, todo=todo)


def _compare(tables: set[str], found: str, expected: str, *, is_used: bool) -> Make:
    ours = {name for name in tables if not name.startswith("alembic_")}
    if not ours:
        return Make.EMPTY
    if any(name.startswith(_LEFTOVER) for name in tables):
        return Make.HALF
    if found == expected:
        return Make.CURRENT
    if found and not _is_known(found):
        return Make.NEWER
    if not {"experiments", "runs"} <= tables:
        return Make.HALF if found else Make.FOREIGN
    # MLflow creates the default experiment last. Without it, the tables were never finished.
    return Make.OLDER if is_used else Make.HALF


def settled_schema(engine: Engine) -> Schema:
    """Read the state of the tables, and wait while another program may be creating them."""
    until = time.monotonic() + SETTLE_S
    schema = read_schema(engine)
    while schema.make is Make.HALF and not schema.holds_runs and time.monotonic() < until:
        if not _is_written(engine):
            break
        time.sleep(0.5)
        schema = read_schema(engine)
    return schema


def _is_written(engine: Engine) -> bool:
    """Return True if the file has changed within the last seconds."""
    file = database_file(str(engine.url))
    return file is not None and file.exists() and time.time() - file.stat().st_mtime < 5.0


def _make(uri: str) -> None:
    """Let MLflow create its tables and then the default experiment."""
    client = mlflow.MlflowClient(uri)
    client.search_experiments(max_results=1)


def _revision(connection: Connection) -> str:
    rows = list(connection.execute(text("SELECT version_num FROM alembic_version")))
    return str(rows[0][0]) if rows else ""


def _count(connection: Connection, table: str) -> int:
    """Count rows up to one, because counting a large table takes long."""
    with suppress(SQLAlchemyError):
        rows = select(text("1")).select_from(Table(table, MetaData())).limit(1).subquery()
        return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())
    return 0


def _is_known(revision: str) -> bool:
    """Return True if this MLflow knows a revision of its schema."""
    scripts = ScriptDirectory.from_config(_get_alembic_config(db_url=""))
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False


@contextmanager
def _lock(uri: str, engine: Engine) -> Iterator[None]:
    """Hold a lock for creating a store's tables, from the kernel or from the database server."""
    file = database_file(uri)
    if file is not None:
        with FileLock(lock_file(file), timeout=LOCK_S):
            yield
    elif engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
            yield  # the lock belongs to the connection and ends with it
    elif engine.dialect.name == "mysql":
        with engine.connect() as connection:
            connection.execute(text("SELECT GET_LOCK('finscale', 300)"))
            yield
    else:
        yield


def lock_file(file: Path) -> Path:
    """Return the path of the lock file beside a sqlite file.

    Raises
    ------
    StoreError
        If the folder is not writable.
    """
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise StoreError(
            "tracking store",
            expected=f"a folder that can be written: {file.parent}",
            got="one that this user cannot write or create",
            todo="Work in a folder of your own, or name one: "
            "MLFLOW_TRACKING_URI=sqlite:////tmp/me/mlflow.db, say.",
        )
    return file.with_name(f"{file.name}.lock")


def _remove_lock(uri: str) -> None:
    """Remove the lock file. A process that still waits for it finds the tables created."""
    file = database_file(uri)
    if file is not None:
        with suppress(OSError):
            lock_file(file).unlink(missing_ok=True)


_KEY = int.from_bytes(hashlib.sha256(b"finscale: make the tables").digest()[:8], signed=True)
