"""Processes that fill a store and die of it: killed, or out of disk. Run as a program.

    python -m tests.dying_writer killed ROOT ...    each at another step of the replacement
    python -m tests.dying_writer timed ROOT ...     each after another few milliseconds
    python -m tests.dying_writer full ROOT=BYTES ...    each with files of so many bytes at most

Each root gets a process of its own, forked from one that has imported what takes seconds.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from finscale.config import DataError, Synthetic, Universe
from finscale.market import prepare_raw

SHORT = Universe(
    name="grows",
    source="synthetic",
    synthetic=Synthetic(),
    target="A",
    tickers=("A",),
    start=date(2014, 1, 1),
    train_end=date(2014, 1, 3),
    validation_end=date(2014, 1, 6),
    end=date(2014, 1, 17),
)
NOW = datetime(2025, 6, 1, tzinfo=UTC)
# fsync and replace of the new file, of the manifest, and the move: before and after each.
N_STEPS = 10


def grown(days: int) -> Universe:
    """Return the universe with a later end."""
    return SHORT.model_copy(update={"end": SHORT.end + timedelta(days=days)})


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at(step: int) -> None:
    """Have this process killed at a step of what it writes, counted from 0."""
    seen = iter(range(10**6))

    def stepping(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            for moment in (True, False):
                if next(seen) == step:
                    _die()
                if moment:
                    result = call(*args, **kwargs)
            return result

        return wrapped

    os.fsync, os.replace = stepping(os.fsync), stepping(os.replace)


def _fill(root: Path, how: str, number: int, n_bytes: int) -> int:
    """Fill the store as told; return 2 for a mistake that was said in one line."""
    if how == "killed":
        _die_at(number)
    if how == "timed":
        threading.Timer(random.Random(number).uniform(0.05, 0.6), _die).start()
    if how == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    try:
        for days in range(7, 8) if how != "timed" else range(1, 10**4):
            prepare_raw(grown(days), root, now=NOW)
    except DataError as error:
        sys.stdout.write(f"{error.line}\n")
        return 2
    return 0


def main(how: str, *roots: str) -> None:
    """Fork a writer a root, one after another, and say how it ended: its exit code or signal."""
    for number, given in enumerate(roots):
        name, _, n_bytes = given.partition("=")
        pid = os.fork()
        if pid == 0:
            code = _fill(Path(name), how, number, int(n_bytes or 0))
            sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{number} ended with {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
