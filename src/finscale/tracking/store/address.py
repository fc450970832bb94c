"""Address of the tracking store: its kind, its file, and its name in messages."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.store.db.db_types import DATABASE_ENGINES
from sqlalchemy import Engine, create_engine, make_url

from finscale.config import without_passwords

TIMEOUT_S = 10


def store_address() -> str:
    """Return the address of the tracking store in use."""
    return str(mlflow.get_tracking_uri())


def is_database(uri: str) -> bool:
    """Return True if a store is a database that can be queried directly."""
    return uri.split(":")[0].split("+")[0] in DATABASE_ENGINES


def is_server(uri: str) -> bool:
    """Return True if a store is an MLflow server."""
    return uri.startswith(("http://", "https://"))


def database_file(uri: str) -> Path | None:
    """Return the file of a sqlite store, None for other stores."""
    path = make_url(uri).database if uri.startswith("sqlite") else None
    return Path(path) if path else None


def open_engine(uri: str) -> Engine:
    """Return an engine that waits at most `TIMEOUT_S` seconds for the database."""
    waits = uri.startswith(("postgresql", "mysql"))
    return create_engine(uri, connect_args={"connect_timeout": TIMEOUT_S} if waits else {})


def store_name(uri: str) -> str:
    """Return the name of a store for messages: its address without passwords."""
    return f"tracking store {without_passwords(uri)}"
