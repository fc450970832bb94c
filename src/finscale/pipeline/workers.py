"""Cells side by side: processes that take one cell after another, cores divided among them.

Each worker has a pipe of its own: a queue's lock would stay locked for all when a worker dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from finscale.config import FinscaleError, TrainConfig
from finscale.pipeline.progress import Event, Listen

GRACE_S = 30.0
LOST = "the process that worked on it died (out of memory, or killed)"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A cell that could not be finished, and why in one line."""

    cell: str
    line: str


@dataclass(frozen=True)
class _Done:
    cell: str


Job = Callable[[TrainConfig, str, Listen], None]


def run_side_by_side(
    job: Job, cells: Sequence[TrainConfig], study: str, n_workers: int, listen: Listen
) -> list[Failure]:
    """Run `job` for each cell in `n_workers` processes; return the cells that failed.

    A worker that dies costs the cell it was at: the others go on, and the same command starts
    that cell again where its trials ended.
    """
    _set_threads(max(1, available_cores() // n_workers))
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(n_workers):
            pipe, worker = _start(job, study)
            workers[pipe] = worker
        return _follow(list(workers), cells, listen)
    finally:
        _stop(list(workers.values()))


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(job: Job, study: str) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a forked torch or sqlite handle is broken
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(job, study, theirs), daemon=True)
    worker.start()
    theirs.close()  # the worker's death is then the end of the pipe
    return ours, worker


def _follow(
    pipes: Sequence[Connection], cells: Sequence[TrainConfig], listen: Listen
) -> list[Failure]:
    """Hand out cells and pass events on until every cell is done or has failed."""
    waiting = list(reversed(cells))
    at_work: dict[Connection, str] = {}
    failures: list[Failure] = []

    def hand_out(pipe: Connection) -> None:
        at_work.pop(pipe, None)
        if waiting:
            cell = waiting.pop()
            at_work[pipe] = cell.cell_name
            with suppress(OSError):  # a dead worker: reading from it will say so
                pipe.send(cell)

    for pipe in pipes:
        hand_out(pipe)
    while at_work:
        ready = wait(list(at_work))
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
    return failures + [Failure(cell.cell_name, LOST) for cell in waiting]


def _work(job: Job, study: str, pipe: Connection) -> None:
    """Do cells as they come until nobody hands out any."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_once)

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:
            raise KeyboardInterrupt from None  # the study's process is gone: leave in order

    try:
        while True:
            cell = pipe.recv()
            pipe.send(_outcome(job, cell, study, tell))
    except (KeyboardInterrupt, EOFError, OSError):
        return


def _outcome(job: Job, cell: TrainConfig, study: str, tell: Listen) -> _Done | Failure:
    try:
        job(cell, study, tell)
    except FinscaleError as error:
        return Failure(cell.cell_name, error.line)
    except Exception as error:
        last = traceback.format_exception_only(error)[-1].strip()
        return Failure(cell.cell_name, f"{last} (traceback in its run)")
    return _Done(cell.cell_name)


def _stop_once(*_: object) -> None:
    """Stop as Ctrl-C does; the second signal, from `_stop`, must not cut short the leaving."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # SIG_IGN would complain of one under way
    raise KeyboardInterrupt


def _stop(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    for worker in workers:
        worker.join(GRACE_S)
        if worker.is_alive():
            worker.kill()


def _set_threads(n_threads: int) -> None:
    """Give each worker its share: read by the workers' libraries when they start."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
