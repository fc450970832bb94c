"""Parallel work in processes that take one piece after another and share the cores equally.

Each worker has its own pipe: a shared queue would stay locked for all if a worker died.
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
from typing import TYPE_CHECKING, Any, TypeVar

from finscale.config import (
    FinscaleError,
    LostError,
    StoreError,
    ThermalError,
    check_stop,
    deaf_children,
    disk_watched,
    ignore_stops,
    install_stops,
    steady_console,
    unbroken,
)
from finscale.pipeline.running.progress import Event, Listen
from finscale.training import LARGE, available_memory_bytes

if TYPE_CHECKING:
    import torch

MANY = 4
"""Threads of a large model, if others are trained beside it."""
PROCESS_BYTES = 2**30
"""Memory of a process with its libraries, about."""
LEAST_WORK_S = 15.0
"""Seconds of work for which a worker pays: its start alone takes about six."""
GRACE_S = 30.0
"""Seconds that all workers together get to stop: one may be writing a large checkpoint."""
LOOK_S = 0.5
"""Seconds between two checks for a stop while a command waits for its workers."""
LOST = "the process that worked on it died (out of memory, or killed)"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A piece of work that could not be finished, with the reason in one line.

    Attributes
    ----------
    is_mistake : bool
        True if a retry would fail in the same way, because options or data must change first.
    is_heat : bool
        True if the machine was too hot.
    """

    name: str
    line: str
    is_mistake: bool = False
    is_heat: bool = False


@dataclass(frozen=True)
class _Done:
    name: str


Piece = TypeVar("Piece")
Job = Callable[[Piece, Listen], None]


def run_side_by_side(
    job: Job[Piece],
    pieces: Mapping[str, Piece],
    n_workers: int,
    listen: Listen,
    *,
    starts_others: bool = False,
) -> list[Failure]:
    """Run `job` for each named piece in `n_workers` processes and return the failed pieces.

    If a worker dies, only the piece it worked on fails. The others go on, and the same command
    later resumes the failed piece.

    Parameters
    ----------
    job : callable
        Must be importable by name, because the processes are spawned.
    starts_others : bool
        Whether the job starts processes of its own.
    """
    _set_threads(max(1, available_cores() // n_workers))
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(n_workers):
            with unbroken():  # a stop between these lines would lose the worker
                pipe, worker = _start(job, is_daemon=not starts_others)
                workers[pipe] = worker
        return _follow(list(workers), pieces, listen)
    finally:
        _stop(workers)


def unfinished(what: str, expected: str, failures: Sequence[Failure], resume: str) -> FinscaleError:
    """Return the error for work with failed pieces; it names the reason of each."""
    goes_on = f"Go on: {resume}"
    if all(failure.is_mistake for failure in failures):
        goes_on = f"Correct what these lines name, then: {resume}"
    kind = ThermalError if any(failure.is_heat for failure in failures) else StoreError
    return kind(
        what,
        expected=expected,
        got=failure_lines(failures),
        todo=f"What is finished is kept. {goes_on}",
    )


def failure_lines(failures: Sequence[Failure]) -> str:
    """Join failures into one line; those with the same reason are grouped."""
    names: dict[str, list[str]] = {}
    for failure in failures:
        names.setdefault(failure.line, []).append(failure.name)
    return "; ".join(f"{', '.join(those)}: {line}" for line, those in names.items())


def workers_that_fit(n_params: int, training_bytes: int, *, n_cores: int, memory_bytes: int) -> int:
    """Return how many models can be trained side by side on the CPU.

    A small model has one thread, so every core can train one. A large one gets `MANY` threads.

    Parameters
    ----------
    n_params : int
        Number of parameters of the largest model.
    training_bytes : int
        Memory of the largest training. Its process takes about 1 GiB beside it.
    memory_bytes : int
        Free memory.

    Examples
    --------
    >>> workers_that_fit(2_000_000, 2**30, n_cores=16, memory_bytes=64 * 2**30)
    16
    >>> workers_that_fit(200_000_000, 6 * 2**30, n_cores=16, memory_bytes=64 * 2**30)
    4
    """
    by_cores = n_cores if n_params < LARGE else max(min(2, n_cores), n_cores // MANY)
    by_memory = int(memory_bytes // (PROCESS_BYTES + training_bytes))
    return max(1, min(by_cores, by_memory))


def workers_here(n_params: int, device: torch.device, training_bytes: int) -> int:
    """Return how many models can be trained side by side on this machine's `device`.

    An accelerator trains one model at a time.
    """
    if device.type != "cpu":
        return 1
    return workers_that_fit(
        n_params,
        training_bytes,
        n_cores=available_cores(),
        memory_bytes=available_memory_bytes(device),
    )


def workers_that_pay(seconds: float, n_pieces: int) -> int:
    """Return how many workers are worth their start.

    Parameters
    ----------
    seconds : float
        Seconds that all pieces of work together take one process.

    Examples
    --------
    >>> workers_that_pay(20.0, n_pieces=12), workers_that_pay(600.0, n_pieces=12)
    (1, 12)
    """
    return max(1, min(n_pieces, int(seconds // LEAST_WORK_S)))


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(job: Job[Any], *, is_daemon: bool) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a forked torch or sqlite handle is broken
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(job, theirs), daemon=is_daemon)
    resource_tracker.ensure_running()  # starting it later would unblock Ctrl-C again
    with deaf_children():
        worker.start()
    theirs.close()  # so that the pipe ends when the worker dies
    return ours, worker


def _follow(
    pipes: Sequence[Connection], pieces: Mapping[str, Any], listen: Listen
) -> list[Failure]:
    """Distribute work and forward events until every piece is done or has failed."""
    waiting = list(pieces)[::-1]
    at_work: dict[Connection, str] = {}
    failures: list[Failure] = []

    def hand_out(pipe: Connection) -> None:
        at_work.pop(pipe, None)
        if waiting:
            name = at_work[pipe] = waiting.pop()
            with suppress(OSError):  # the worker is dead; reading from it will show that
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
    """Process pieces as they arrive until the parent closes the pipe."""

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:
            signal.raise_signal(signal.SIGTERM)  # the parent is gone: stop in an orderly way

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
    # A normal exit would spend seconds on unloading libraries.
    atexit._run_exitfuncs()
    os._exit(0)


def _outcome(job: Job[Any], name: str, piece: Any, tell: Listen) -> _Done | Failure:
    try:
        with disk_watched():
            job(piece, tell)
    except FinscaleError as error:
        is_heat = isinstance(error, ThermalError)
        is_mistake = not (is_heat or isinstance(error, LostError | StoreError))
        return Failure(name, error.line, is_mistake, is_heat)
    except Exception as error:
        last = traceback.format_exception_only(error)[-1].strip()
        return Failure(name, f"{last} (traceback in its run)")
    return _Done(name)


def _stop(workers: Mapping[Connection, BaseProcess]) -> None:
    """Ask workers to stop, and kill those still running after `GRACE_S` seconds."""
    for pipe, worker in workers.items():
        worker.terminate()
        pipe.close()  # so that a worker does not wait to send an event
    until = time.monotonic() + GRACE_S
    for worker in workers.values():
        worker.join(max(0.0, until - time.monotonic()))
        if worker.exitcode is None:
            worker.kill()
            worker.join()


def _set_threads(n_threads: int) -> None:
    """Set the number of threads per worker, which its libraries read when they start."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
