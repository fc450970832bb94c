"""Retries of calls to the store: temporary faults are retried, others become one-line errors.

A waiting call logs one line to the logger ``finscale``. After a store has not answered in time,
each further call tries it only once until it answers, so that runs can still be closed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import TypeVar

import psutil

from finscale.config import (
    FinscaleError,
    check_stop,
    stop_asked,
    store_patience_s,
    unbroken,
    was_stopped,
    without_passwords,
)
from finscale.tracking.store.address import database_file, store_address, store_name
from finscale.tracking.store.faults import read_fault

FIRST_S = 0.2
SAID_AFTER_S = 10.0
CLOSING_S = 10.0
"""Seconds to wait for a store when Ctrl-C closes runs."""
SHORT_S = 90.0
"""Waits below this are shown in seconds, others in minutes."""
Answer = TypeVar("Answer")
_log = logging.getLogger("finscale")
_given_up: set[str] = set()


def ask(call: Callable[[], Answer], *, once: bool = False) -> Answer:
    """Call the store without interruption, and retry if the fault may be temporary.

    Parameters
    ----------
    call : callable
        The call; repeating it must do no harm.
    once : bool
        If True, do not retry. Use it before anything has begun.

    Raises
    ------
    StoreError
        If the store does not answer in time or the call fails.
    """
    uri = store_address()
    began, patience_s = time.monotonic(), _patience_s()
    for pause in _pauses():
        try:
            # Ctrl-C within a transaction would leave a sqlite store locked.
            with unbroken(), _told_if_slow(uri):
                answer = call()
        except FinscaleError:
            raise
        except Exception as error:
            fault = read_fault(error, store_name(uri))
            waited = time.monotonic() - began
            is_over = once or uri in _given_up or stop_asked() or waited >= patience_s
            if not fault.passes or is_over:
                if fault.passes:
                    _given_up.add(uri)
                    fault = read_fault(error, store_name(uri), _holders(uri))
                raise fault.error from error
            if pause == FIRST_S:
                _log.warning("finscale: %s", _waiting(fault.error.line, patience_s))
            time.sleep(pause)
            check_stop()
        else:
            _given_up.discard(uri)
            return answer
    raise AssertionError("pauses have no end")


def is_doubted() -> bool:
    """Return True if the store may not answer and the user does not want to wait for it."""
    return was_stopped() or store_address() in _given_up


def _patience_s() -> float:
    """Return the seconds to wait for a store, which are fewer after Ctrl-C."""
    patience_s = store_patience_s(os.environ)
    return min(patience_s, CLOSING_S) if was_stopped() else patience_s


@contextmanager
def _told_if_slow(uri: str) -> Iterator[None]:
    """Log a line if an answer takes long: MLflow waits minutes for a server that is frozen."""
    said = f"finscale: {store_name(uri)}: no answer for {SAID_AFTER_S:g} s. Waiting for it."
    timer = threading.Timer(SAID_AFTER_S, _log.warning, [said])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each retry."""
    return chain((FIRST_S, 0.5, 1.0, 2.0), repeat(5.0))


def _waiting(line: str, patience_s: float) -> str:
    what_is_wrong, _, _ = line.partition(". ")
    most = f"{patience_s / 60:.3g} minutes" if patience_s >= SHORT_S else f"{patience_s:g} s"
    return f"{what_is_wrong}. Waiting for it, {most} at most."


def _holders(uri: str) -> str:
    """Return the processes that have a sqlite file open, if this user may see them, as text."""
    file = database_file(uri)
    if file is None:
        return "its administrator sees it"
    found = [
        f"process {process.pid}, {process.name()}"
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _has_open(process, file.resolve())
    ]
    return "; ".join(found[:3]) or f"fuser {without_passwords(str(file))} lists who has it open"


def _has_open(process: psutil.Process, file: Path) -> bool:
    try:
        return any(Path(opened.path) == file for opened in process.open_files())
    except (psutil.Error, OSError):
        return False
