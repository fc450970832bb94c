"""Pacing of costly side work, such as checkpoints, during the main work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAIT_PER_TURN = 20.0
"""Least pause after each time, as a multiple of its duration: at most 5 % of time is spent."""


class Pace:
    """Tells when side work is due: every `every_s` seconds, or less often if it takes long."""

    def __init__(self, every_s: float, clock: Callable[[], float] | None = None) -> None:
        self._every_s, self._clock = every_s, clock or time.monotonic
        self._next = self._clock() + every_s

    def is_due(self) -> bool:
        """Tell whether the side work is due."""
        return self._clock() >= self._next

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Measure the duration of the side work in this block, and plan the next time."""
        began = self._clock()
        yield
        ended = self._clock()
        self._next = ended + max(self._every_s, WAIT_PER_TURN * (ended - began))
