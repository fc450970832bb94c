"""Replacement of a file together with its manifest entry, safe against interruptions.

Two files cannot change at once. So the new file is written beside the old one, then the manifest is
updated, then the new file is moved into place. A process killed before the manifest is updated
leaves the old file with its entry. One killed after it leaves the new entry and the waiting new
file, which the next reader or writer moves.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from finscale.config import DataError
from finscale.market.files import file_digests, file_sha256, unwritable, write_parquet
from finscale.market.manifest import Entry, read_manifest, record_file, verify_file


def put_parquet(root: Path, name: str, frame: pd.DataFrame, entry: Entry) -> None:
    """Write `frame` as the file `name` and `entry` with its digests; the caller holds the lock.

    Raises
    ------
    DataError
        If the file cannot be written; the old file and its entry then stay unchanged.
    """
    waiting = _waiting(root / name)
    # Remove partial files of killed processes: nobody else writes while we hold the lock.
    for left in waiting.parent.glob(f".{waiting.name}.*.tmp"):
        left.unlink(missing_ok=True)
    write_parquet(frame, waiting)
    sha256, md5 = file_digests(waiting)
    entry = replace(entry, sha256=sha256, md5=md5)
    try:
        record_file(root, name, entry)
    except DataError:
        waiting.unlink(missing_ok=True)
        raise
    settle(root, name, entry)


def find_file(root: Path, name: str, todo: str) -> Entry | None:
    """Return the entry of a file, or None, and finish a replacement that was interrupted.

    Raises
    ------
    DataError
        If the file differs from its entry.
    """
    entry = read_manifest(root).get(name)
    # A file without an entry was left by an interrupted run of an earlier version.
    if entry is None or not _is_there(root, name, entry):
        return None
    try:
        verify_file(root, name, entry, todo)
    except DataError:
        # Another process may have replaced both since the manifest was read.
        entry = read_manifest(root).get(name, entry)
        verify_file(root, name, entry, todo)
    return entry


def _is_there(root: Path, name: str, entry: Entry) -> bool:
    settle(root, name, entry)
    return (root / name).exists()


def settle(root: Path, name: str, entry: Entry) -> None:
    """Move the waiting new file into place, if there is one and it matches the entry."""
    waiting = _waiting(root / name)
    try:
        if file_sha256(waiting) == entry.sha256:
            os.replace(waiting, root / name)
    except FileNotFoundError:
        return  # nothing waits, or another process was faster
    except OSError as error:
        raise unwritable(root / name, error) from error


def _waiting(path: Path) -> Path:
    return path.with_name(f".{path.name}.next")
