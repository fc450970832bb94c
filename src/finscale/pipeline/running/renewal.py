"""Renewal of the lease of a command while it waits for its workers."""

from __future__ import annotations

from finscale.pipeline.running.progress import Event, Listen
from finscale.tracking import Run
from finscale.training import Pace

RENEW_S = 300.0
"""Seconds between two renewals, far fewer than a lease is valid."""


def renewing(listen: Listen, run: Run) -> Listen:
    """Return a listener that also renews the lease of `run` at intervals while workers report."""
    pace = Pace(RENEW_S)

    def listener(event: Event) -> None:
        if pace.is_due():
            with pace.taken():
                run.renew_lease()
        listen(event)

    return listener
