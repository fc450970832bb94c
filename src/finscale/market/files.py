"""Atomic writing of files, their digests, and the lock of a data root."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
from filelock import FileLock

from finscale.config import DataError

LOCK = ".lock"


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` atomically: a crash leaves the old file or none, never a part.

    Raises
    ------
    DataError
        If the file cannot be written (disk full, no permission).
    """
    _replace(path, lambda temporary: frame.to_parquet(temporary, engine="pyarrow"))


def write_text(text: str, path: Path) -> None:
    """Write `text` to `path` atomically."""
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(path: Path) -> tuple[str, str]:
    """Return a file's SHA-256 and, for tools that know only this, its MD5; read the file once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha256.update(piece)
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest()


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Hold the lock that every change under `root` requires; wait until it is free.

    If nothing is written, the lock's file and a newly made folder are removed again.

    Raises
    ------
    DataError
        If the folder cannot be written to.
    """
    was_there = root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        held = FileLock(root / LOCK).acquire()
    except OSError as error:
        raise unwritable(root, error) from error
    with held:
        try:
            yield
        finally:
            _leave_no_trace(root, was_there)


def _leave_no_trace(root: Path, was_there: bool) -> None:
    """Remove the lock's file and the folder made for it, if the folder holds nothing else."""
    # Processes that wait for a removed file notice this and make a new one. Windows does not
    # remove open files.
    with suppress(OSError):
        if not {path.name for path in root.iterdir()} - {LOCK, ".gitkeep"}:
            (root / LOCK).unlink()
            if not was_there:
                root.rmdir()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, because os.replace is atomic only within one file system.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        _write_then_move(Path(name), path, write)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DataError:
    """Return the error about a place that cannot be written to."""
    return DataError(
        str(path),
        expected="a place to write to",
        got=str(error),
        todo="Free space or change the folder's permissions, then run the same line again.",
    )


def _write_then_move(temporary: Path, path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(temporary)
        # mkstemp makes the file private; give it the usual permissions.
        temporary.chmod(0o644)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
