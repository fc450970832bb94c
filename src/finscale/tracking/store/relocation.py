"""Relocation: rewrites the addresses of artifacts in MLflow's tables after a folder was moved."""

from __future__ import annotations

from typing import Any

from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun
from sqlalchemy import Connection, String, func, literal, or_, select, update

from finscale.config import StoreError
from finscale.tracking.store.address import (
    database_file,
    is_database,
    open_engine,
    store_address,
    store_name,
)
from finscale.tracking.store.checks import check_store_once
from finscale.tracking.store.retry import ask

COLUMNS: dict[str, Any] = {
    "experiments": SqlExperiment.artifact_location,
    "runs": SqlRun.artifact_uri,
    "logged models": SqlLoggedModel.artifact_location,
    "sources of model versions": SqlModelVersion.source,
    "model versions": SqlModelVersion.storage_location,
}
"""Columns in which MLflow stores absolute addresses, by the kind of their owner."""


def relocate(old: str, new: str, *, dry_run: bool) -> dict[str, int]:
    """Rewrite every address that is `old` or below it.

    Parameters
    ----------
    old, new : str
        Folders, or addresses such as ``s3://bucket/root``.
    dry_run : bool
        If True, only count the addresses.

    Returns
    -------
    dict of str to int
        Number of addresses below `old`, by kind.

    Raises
    ------
    StoreError
        If the store is not a database or does not answer.
    """
    uri = store_address()
    if not is_database(uri):
        raise StoreError(
            store_name(uri),
            expected="a database, whose addresses can be rewritten",
            got="a server",
            todo="Give the same line where the server runs, with MLFLOW_TRACKING_URI naming "
            "its database.",
        )
    _check_is_there(uri)
    check_store_once()

    def rewrite() -> dict[str, int]:
        engine = open_engine(uri)
        try:
            with engine.begin() as connection:
                return {
                    name: _rewrite(connection, column, old.rstrip("/"), new.rstrip("/"), dry_run)
                    for name, column in COLUMNS.items()
                }
        finally:
            engine.dispose()

    return ask(rewrite)


def _check_is_there(uri: str) -> None:
    """Refuse a sqlite file that does not exist, because a new one has nothing to rewrite."""
    file = database_file(uri)
    if file is not None and not file.exists():
        raise StoreError(
            store_name(uri),
            expected="a store that holds addresses",
            got=f"no file {file}",
            todo="Give the command in the folder of the store, or set MLFLOW_TRACKING_URI to it.",
        )


def _rewrite(connection: Connection, column: Any, old: str, new: str, dry_run: bool) -> int:
    """Count the addresses of a column below `old` and replace their beginnings."""
    n = 0
    for prefix in ("", "file://"):
        before, after = prefix + old, prefix + new
        below = func.substr(column, 1, len(before) + 1) == f"{before}/"
        here = or_(column == before, below)
        n += int(connection.execute(select(func.count()).where(here)).scalar_one())
        if not dry_run:
            rest = func.substr(column, len(before) + 1, type_=String)
            values = {column: literal(after, String) + rest}
            connection.execute(update(column.class_).where(here).values(values))
    return n
