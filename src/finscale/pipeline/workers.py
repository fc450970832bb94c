"""Cells side by side: processes that take one cell after another, cores divided among them."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from finscale.config import FinscaleError, TrainConfig
from finscale.pipeline.progress import Event, Listen

POLL_S = 0.2
GRACE_S = 30.0
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
    context = multiprocessing.get_context("spawn")  # a forked torch or sqlite handle is broken
    tasks, events = context.Queue(), context.Queue()
    for cell in cells:
        tasks.put(cell)
    n_threads = max(1, available_cores() // n_workers)
    _set_threads(n_threads)
    workers = [
        context.Process(target=_work, args=(job, study, tasks, events), daemon=True)
        for _ in range(n_workers)
    ]
    for worker in workers:
        worker.start()
    try:
        return _follow(workers, events, {cell.cell_name for cell in cells}, listen)
    finally:
        _stop(workers)


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _follow(
    workers: Sequence[BaseProcess], events: Any, waiting: set[str], listen: Listen
) -> list[Failure]:
    """Pass events on until every cell is done, has failed, or has nobody left to do it."""
    failures: list[Failure] = []
    while waiting:
        try:
            event = events.get(timeout=POLL_S)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                lost = "the process that worked on it died (out of memory, or killed)"
                failures += [Failure(cell, lost) for cell in sorted(waiting)]
                break
            continue
        if isinstance(event, _Done | Failure):
            waiting.discard(event.cell)
            if isinstance(event, Failure):
                failures.append(event)
        else:
            listen(event)
    return failures


def _work(job: Job, study: str, tasks: Any, events: Any) -> None:
    """Take cells until there are none."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave runs in order when stopped

    def tell(event: Event) -> None:
        events.put(event)

    while True:
        try:
            cell = tasks.get(timeout=1.0)
        except queue.Empty:
            return
        except KeyboardInterrupt:
            return
        try:
            job(cell, study, tell)
            events.put(_Done(cell.cell_name))
        except KeyboardInterrupt:
            return
        except FinscaleError as error:
            events.put(Failure(cell.cell_name, error.line))
        except Exception as error:
            last = traceback.format_exception_only(error)[-1].strip()
            events.put(Failure(cell.cell_name, f"{last} (traceback in its run)"))


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
