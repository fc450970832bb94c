"""The address of a search's Optuna study, and the lock for choosing the next trial."""

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
    """The study was deleted while it was in use: align it and decide again."""


@dataclass(frozen=True)
class OptunaAddress:
    """The address of an Optuna study, which is all that a worker needs to join its search.

    Attributes
    ----------
    storage : str
        SQLAlchemy's address of Optuna's own database: a file, or PostgreSQL.
    name : str
        Name of the study in the database.
    is_ours : bool
        Whether the database is a file that only this project uses, so that it is replaced if it is
        damaged.
    """

    storage: str
    name: str
    is_ours: bool = False

    @property
    def file(self) -> Path | None:
        """Path of the database if it is a file, else None."""
        is_file = self.storage.startswith(_SQLITE)
        return Path(self.storage.removeprefix(_SQLITE)) if is_file else None


def file_address(folder: Path, name: str) -> OptunaAddress:
    """Return the address of a study in a file of its own: a cache that may be deleted."""
    return OptunaAddress(f"{_SQLITE}{folder.resolve() / name[:32]}.db", name, is_ours=True)


@contextmanager
def turn(address: OptunaAddress) -> Iterator[None]:
    """Hold the lock for decisions about a search; wait until no other process holds it.

    The kernel releases the lock of a dead process. With PostgreSQL the server does this, so that
    processes on several machines take turns too.
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
        yield  # the lock belongs to the connection and ends with it


@contextmanager
def answering() -> Iterator[None]:
    """Turn the error of an unreachable database into one line.

    Raises
    ------
    StoreError
        If the database does not answer, or its driver is not installed.
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
