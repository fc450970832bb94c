"""Where the study of a search lies, and whose turn it is to decide what comes next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from finscale.config import StoreError

_SQLITE = "sqlite:///"
_NO_FOLDER = (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError)


class OptunaStudyGoneError(Exception):
    """The study was deleted while it was read or written: align it, and decide again."""


@dataclass(frozen=True)
class OptunaAddress:
    """An Optuna study: all that a worker needs to join its search.

    Attributes
    ----------
    storage : str
        SQLAlchemy's address of Optuna's own database: a file, or PostgreSQL.
    name : str
        Of the study there.
    is_ours : bool
        Whether the database is a file that nobody else has a use for: damaged, it is replaced.
    """

    storage: str
    name: str
    is_ours: bool = False

    @property
    def file(self) -> Path | None:
        """The database, if it is a file."""
        is_file = self.storage.startswith(_SQLITE)
        return Path(self.storage.removeprefix(_SQLITE)) if is_file else None


def file_address(folder: Path, name: str) -> OptunaAddress:
    """Return the address of a study in a file of its own: a cache, free to be deleted."""
    return OptunaAddress(f"{_SQLITE}{folder.resolve() / name[:32]}.db", name, is_ours=True)


@contextmanager
def turn(address: OptunaAddress) -> Iterator[None]:
    """Wait for the turn to decide for a search, and hold it: one process at a time.

    The kernel gives a dead process's turn away; with PostgreSQL the server does, so that processes
    on several machines take turns too.
    """
    if address.file:
        with answering():
            address.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{address.file}.lock"):
            yield
        return
    with answering():
        connection = create_engine(address.storage, poolclass=NullPool).connect()
    with connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key(address.name)})
        yield  # the lock is the connection's, and ends with it


@contextmanager
def answering() -> Iterator[None]:
    """Turn a database that cannot be reached into one line.

    Raises
    ------
    StoreError
        If it does not answer, or its driver is not installed.
    """
    try:
        yield
    except (OperationalError, ImportError, *_NO_FOLDER) as error:
        raise StoreError(
            "storage",
            expected="a database that answers, and its driver installed",
            got=str(getattr(error, "orig", error)).strip().split("\n")[0],
            todo="Start it or correct its address; without -P storage a local file is used.",
        ) from None


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
