"""Writing files that are either whole or not there."""

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
    """Write `frame` to `path` so that a crash leaves the old file or none, never a part.

    Raises
    ------
    DataError
        If the file system refuses (disk full, no permission).
    """
    _replace(path, lambda temporary: frame.to_parquet(temporary, engine="pyarrow"))


def write_text(text: str, path: Path) -> None:
    """Write `text` to `path` in the same all-or-nothing way."""
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def file_sha256(path: Path) -> str:
    """Digest a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(path: Path) -> tuple[str, str]:
    """Return a file's SHA-256 and, for tools that know nothing else, its MD5: read once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha256.update(piece)
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest()


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Hold the lock of whoever changes anything under `root`; wait until it is free.

    A folder in which nothing came to be written is left as it was found.

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
    """Remove the lock's file, and a folder that was made for it, where there is nothing else."""
    # Others who wait for a removed file notice, and make a new one. Windows keeps open files.
    with suppress(OSError):
        if not {path.name for path in root.iterdir()} - {LOCK, ".gitkeep"}:
            (root / LOCK).unlink()
            if not was_there:
                root.rmdir()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder: os.replace is atomic within one file system only.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        _write_then_move(Path(name), path, write)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DataError:
    """Return the error of a place that the file system refuses to write to."""
    return DataError(
        str(path),
        expected="a place to write to",
        got=str(error),
        todo="Free space or change the folder's permissions, then run the same line again.",
    )


def _write_then_move(temporary: Path, path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(temporary)
        # mkstemp makes the file private; what is written here may be read like any other file.
        temporary.chmod(0o644)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
