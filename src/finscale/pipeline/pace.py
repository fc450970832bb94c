"""How often something costly is done beside the work itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from finscale.pipeline.progress import Event, Listen
from finscale.tracking import Run

RENEW_S = 300.0
"""How often a command says that it lives: often against how long a lease is believed."""

WAIT_PER_TURN = 20.0
"""Time that passes after each, as a multiple of what it took: 5 % of the time at most."""


class Pace:
    """Due again after `every_s` seconds, or later where it takes long; not at once."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next = time.monotonic() + every_s

    def is_due(self) -> bool:
        """Tell whether it is time."""
        return time.monotonic() >= self._next

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Measure how long it takes this time."""
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self._next = ended + max(self._every_s, WAIT_PER_TURN * (ended - began))


def renewing(listen: Listen, run: Run) -> Listen:
    """Return a listener that also renews a run's lease, now and then, while workers report."""
    pace = Pace(RENEW_S)

    def told(event: Event) -> None:
        if pace.is_due():
            with pace.taken():
                run.renew_lease()
        listen(event)

    return told
