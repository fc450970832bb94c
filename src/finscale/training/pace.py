"""How often something costly is done beside the work itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAIT_PER_TURN = 20.0
"""Time that passes after each, as a multiple of what it took: 5 % of the time at most."""


class Pace:
    """Due again after `every_s` seconds, or later where it takes long; not at once."""

    def __init__(self, every_s: float, clock: Callable[[], float] | None = None) -> None:
        self._every_s, self._clock = every_s, clock or time.monotonic
        self._next = self._clock() + every_s

    def is_due(self) -> bool:
        """Tell whether it is time."""
        return self._clock() >= self._next

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Measure how long it takes this time."""
        began = self._clock()
        yield
        ended = self._clock()
        self._next = ended + max(self._every_s, WAIT_PER_TURN * (ended - began))
