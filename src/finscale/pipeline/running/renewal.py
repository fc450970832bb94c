"""Leases of commands that wait for their workers."""

from __future__ import annotations

from finscale.pipeline.running.progress import Event, Listen
from finscale.tracking import Run
from finscale.training import Pace

RENEW_S = 300.0
"""How often a command says that it lives: often against how long a lease is believed."""


def renewing(listen: Listen, run: Run) -> Listen:
    """Return a listener that also renews a run's lease, now and then, while workers report."""
    pace = Pace(RENEW_S)

    def listener(event: Event) -> None:
        if pace.is_due():
            with pace.taken():
                run.renew_lease()
        listen(event)

    return listener
