"""Work side by side: processes that take one piece after another, cores divided among them.

Each worker has a pipe of its own: a queue's lock would stay locked for all when a worker dies.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from finscale.config import (
    FinscaleError,
    StoreError,
    check_stop,
    deaf_children,
    disk_watched,
    ignore_stops,
    install_stops,
    steady_console,
    unbroken,
)
from finscale.pipeline.running.progress import Event, Listen

GRACE_S = 30.0
"""For all workers together to leave in: one may be writing a large model's checkpoint."""
LOOK_S = 0.5
"""How often a command that waits for its workers looks whether it shall stop."""
LOST = "the process that worked on it died (out of memory, or killed)"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A piece of work that could not be finished, and why in one line.

    Attributes
    ----------
    is_mistake : bool
        Whether the same again would fail in the same way: options or data have to change.
    """

    name: str
    line: str
    is_mistake: bool = False


@dataclass(frozen=True)
class _Done:
    name: str


Piece = TypeVar("Piece")
Job = Callable[[Piece, Listen], None]


def run_side_by_side(
    job: Job[Piece], pieces: Mapping[str, Piece], n_workers: int, listen: Listen
) -> list[Failure]:
    """Run `job` for each piece, by name, in `n_workers` processes; return those that failed.

    A worker that dies costs the piece it was at: the others go on, and the same command starts
    that one again where its trials ended.

    Parameters
    ----------
    job : callable
        Importable by name: the processes are fresh ones.
    """
    _set_threads(max(1, available_cores() // n_workers))
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(n_workers):
            with unbroken():  # none is started that is not known
                pipe, worker = _start(job)
                workers[pipe] = worker
        return _follow(list(workers), pieces, listen)
    finally:
        _stop(workers)


def unfinished(what: str, expected: str, failures: Sequence[Failure], resume: str) -> StoreError:
    """Return the error of work whose pieces have failed: each with its line."""
    goes_on = f"Go on: {resume}"
    if all(failure.is_mistake for failure in failures):
        goes_on = f"Correct what these lines name, then: {resume}"
    return StoreError(
        what,
        expected=expected,
        got=failure_lines(failures),
        todo=f"What is finished is kept. {goes_on}",
    )


def failure_lines(failures: Sequence[Failure]) -> str:
    """Write failures in a row, those with the same line together."""
    names: dict[str, list[str]] = {}
    for failure in failures:
        names.setdefault(failure.line, []).append(failure.name)
    return "; ".join(f"{', '.join(those)}: {line}" for line, those in names.items())


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(job: Job[Any]) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a forked torch or sqlite handle is broken
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(job, theirs), daemon=True)
    resource_tracker.ensure_running()  # its start would let Ctrl-C through again
    with deaf_children():
        worker.start()
    theirs.close()  # the worker's death is then the end of the pipe
    return ours, worker


def _follow(
    pipes: Sequence[Connection], pieces: Mapping[str, Any], listen: Listen
) -> list[Failure]:
    """Hand out work and pass events on until every piece is done or has failed."""
    waiting = list(pieces)[::-1]
    at_work: dict[Connection, str] = {}
    failures: list[Failure] = []

    def hand_out(pipe: Connection) -> None:
        at_work.pop(pipe, None)
        if waiting:
            name = at_work[pipe] = waiting.pop()
            with suppress(OSError):  # a dead worker: reading from it will say so
                pipe.send((name, pieces[name]))

    for pipe in pipes:
        hand_out(pipe)
    while at_work:
        check_stop()
        ready = wait(list(at_work), LOOK_S)
        for pipe in [pipe for pipe in at_work if pipe in ready]:
            try:
                event = pipe.recv()
            except (EOFError, OSError):
                failures.append(Failure(at_work.pop(pipe), LOST))
                continue
            if isinstance(event, Failure):
                failures.append(event)
            if isinstance(event, Failure | _Done):
                hand_out(pipe)
            else:
                listen(event)
    return failures + [Failure(name, LOST) for name in waiting]


def _work(job: Job[Any], pipe: Connection) -> None:
    """Do pieces as they come until nobody hands out any."""

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:
            signal.raise_signal(signal.SIGTERM)  # who started this is gone: leave in order

    try:
        install_stops()
        steady_console()
        while True:
            name, piece = pipe.recv()
            outcome = _outcome(job, name, piece, tell)
            check_stop()
            pipe.send(outcome)
    except (KeyboardInterrupt, EOFError, OSError):
        ignore_stops()
    # Python would take its libraries apart first, for seconds.
    atexit._run_exitfuncs()
    os._exit(0)


def _outcome(job: Job[Any], name: str, piece: Any, tell: Listen) -> _Done | Failure:
    try:
        with disk_watched():
            job(piece, tell)
    except FinscaleError as error:
        return Failure(name, error.line, not isinstance(error, StoreError))
    except Exception as error:
        last = traceback.format_exception_only(error)[-1].strip()
        return Failure(name, f"{last} (traceback in its run)")
    return _Done(name)


def _stop(workers: Mapping[Connection, BaseProcess]) -> None:
    """Ask workers to leave, and kill those that have not when the grace is over."""
    for pipe, worker in workers.items():
        worker.terminate()
        pipe.close()  # nobody listens: one that waits to tell something need not
    until = time.monotonic() + GRACE_S
    for worker in workers.values():
        worker.join(max(0.0, until - time.monotonic()))
        if worker.exitcode is None:
            worker.kill()
            worker.join()


def _set_threads(n_threads: int) -> None:
    """Give each worker its share: read by the workers' libraries when they start."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
