"""Ctrl-C and SIGTERM: heard once, never lost, and out of the way while runs are closed.

A signal sets a flag and, unless it is held back, raises KeyboardInterrupt at once, so that a wait
or a download ends. Python may lose that exception in a callback (of the garbage collector, of the
import machinery): whoever looks at the flag raises it again, and so does the end of every block
that held it back.

While a KeyboardInterrupt is on its way up, what runs in its ``except`` and ``finally`` blocks is
closing what is open: there nothing is raised, and `stop_asked` says no, so that a wait of closing
code needs a bound of its own.
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
    """What this process was told.

    Attributes
    ----------
    asked : int or None
        The first signal that came.
    held : int
        Blocks, one within another, that hold a stop back.
    is_over : bool
        Whether the work is done, so that nothing is left to stop.
    """

    asked: int | None = None
    held: int = 0
    is_over: bool = False


_stops = _Stops()


def install_stops() -> None:
    """Handle Ctrl-C and SIGTERM from here on, for as long as the process lives."""
    _stops.asked, _stops.is_over = None, False
    for number in _STOPS:
        signal.signal(number, _hear)
    if not isinstance(sys.unraisablehook, _Quiet):
        sys.unraisablehook = _Quiet(sys.unraisablehook)
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def ignore_stops() -> None:
    """Let the process end undisturbed: its exit code is decided."""
    _stops.is_over = True


def was_stopped() -> bool:
    """Tell whether a signal has come, whatever has become of it since."""
    return _stops.asked is not None


def stop_asked() -> bool:
    """Tell whether work shall end: what closes runs because of it is not asked to."""
    return was_stopped() and not _is_closing()


def check_stop() -> None:
    """Raise KeyboardInterrupt if a stop is asked for and not held back."""
    if stop_asked() and not _stops.held and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold a stop back until the block, and those around it, are over; then raise it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
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
    """Let processes that are started in the block hear no Ctrl-C until they install handlers.

    A terminal sends it to them too, while they import. SIGTERM ends them then.
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
    """Hear signals in the block alone: afterwards they do what they did before."""
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
    """Tell whether a KeyboardInterrupt is being handled, or something that came of one."""
    error = sys.exception()
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__  # what was being handled when it was raised
    return error is not None


class _Quiet:
    """Say nothing of a KeyboardInterrupt that was lost: the flag is still there."""

    def __init__(self, say: Callable[[Any], object]) -> None:
        self._say = say

    def __call__(self, unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._say(unraisable)
