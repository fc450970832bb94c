"""Handling of Ctrl-C and SIGTERM: a stop is never lost and never interrupts the closing of runs.

A signal sets a flag and raises KeyboardInterrupt at once, so that a wait or a download ends; a
block can defer this until its end. Python may lose the exception in a callback (of the garbage
collector or the import machinery), so `check_stop` and the end of every deferring block raise it
again while the flag is set.

While a KeyboardInterrupt propagates, the ``except`` and ``finally`` blocks on its way close what is
open. Nothing is raised there and `stop_asked` returns False, so waits in such code need a time
limit of their own.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _Stops:
    """State of the stops of this process.

    Attributes
    ----------
    asked : int or None
        The first signal that was received.
    held : int
        Number of nested blocks that defer a stop.
    is_over : bool
        True when the work is done and nothing is left to stop.
    """

    asked: int | None = None
    held: int = 0
    is_over: bool = False


_stops = _Stops()


def install_stops() -> None:
    """Handle Ctrl-C and SIGTERM from now until the process ends."""
    _stops.asked, _stops.is_over = None, False
    for number in _STOPS:
        signal.signal(number, _hear)
    if not isinstance(sys.unraisablehook, _Quiet):
        sys.unraisablehook = _Quiet(sys.unraisablehook)
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def ignore_stops() -> None:
    """Ignore further signals: the exit code is decided and the process ends."""
    _stops.is_over = True


def was_stopped() -> bool:
    """Tell whether a signal was received, even if its exception was handled or lost since."""
    return _stops.asked is not None


def stop_asked() -> bool:
    """Tell whether the work should stop; False in code that is already closing runs."""
    return was_stopped() and not _is_closing()


def check_stop() -> None:
    """Raise KeyboardInterrupt if a stop was asked for and is not deferred."""
    if stop_asked() and not _stops.held and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


@contextmanager
def unbroken() -> Iterator[None]:
    """Defer a stop until this block and those around it have ended; then raise it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
    elif _stops.held or signal.getsignal(signal.SIGINT) is _hear:
        try:
            with _held():
                yield
        finally:
            check_stop()
    else:
        with _handled_here(), _held():
            yield


@contextmanager
def deaf_children() -> Iterator[None]:
    """Block Ctrl-C in processes that are started here, until they install their handlers.

    A terminal sends Ctrl-C to child processes too, while they still import. SIGTERM ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _held() -> Iterator[None]:
    _stops.held += 1
    try:
        yield
    finally:
        _stops.held -= 1


@contextmanager
def _handled_here() -> Iterator[None]:
    """Handle signals in this block only, and restore the previous handlers afterwards."""
    before = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        signal.signal(number, _hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked, _stops.asked = _stops.asked, None
        if asked:
            signal.raise_signal(asked)


def _hear(number: int, _: object) -> None:
    if _stops.is_over:
        return
    _stops.asked = _stops.asked or number
    check_stop()


def _is_closing() -> bool:
    """Tell whether a KeyboardInterrupt, or an error raised while handling one, is being handled."""
    error = sys.exception()
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__  # the error that was being handled at that time
    return error is not None


class _Quiet:
    """A hook that does not report a lost KeyboardInterrupt, since the flag is still set."""

    def __init__(self, say: Callable[[Any], object]) -> None:
        self._say = say

    def __call__(self, unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._say(unraisable)
