"""Lock for shared files: one process of a machine creates them while the others wait."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

SAID_AFTER_S = 2.0
_log = logging.getLogger("finscale")


@contextmanager
def one_at_a_time(root: Path, what: str) -> Iterator[None]:
    """Hold a lock while something is created. The kernel releases it if the process dies.

    Parameters
    ----------
    root : Path
        Folder of the data that the processes share.
    what : str
        Name of what is created. It identifies the lock and is shown to waiting processes.
    """
    folder = root / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.lock")
        _acquire(lock, what)
    except OSError:  # the folder is not writable: creating twice is better than not at all
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, what: str) -> None:
    try:
        lock.acquire(timeout=SAID_AFTER_S)
    except Timeout:
        _log.warning("finscale: another process makes the %s: waiting for it.", what)
        lock.acquire()
