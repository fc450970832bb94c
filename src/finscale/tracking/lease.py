"""Who is working on a run: a tag renewed with every epoch, so that a dead holder is noticed."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import psutil

from finscale.tracking.names import Tag

FREE = ""
"""The tag of a run that its holder has left."""
SAME_START_S = 3.0
"""Two processes may read a third one's start a second apart: each counts from the boot, which the
kernel knows to the second."""
DURATION_S = 3600.0
"""How long a holder on another machine is believed; on this machine its process is looked up."""


@dataclass(frozen=True)
class Lease:
    """A process that holds a run until `expires` (seconds since 1970)."""

    host: str
    pid: int
    started: float
    expires: float

    def encode(self) -> str:
        """Write as the tag's value."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_mine(self) -> bool:
        """Tell whether this very process holds it."""
        return (self.host, self.pid) == (socket.gethostname(), os.getpid()) and self._lives()

    def is_alive(self, now: float) -> bool:
        """Tell whether the holder still works, as far as can be seen from here."""
        if self.host == socket.gethostname():
            return self._lives()
        return now < self.expires

    def _lives(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START_S
            # One that was killed stays a zombie until its parent looks: a worker of a search.
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


def take_lease() -> Lease:
    """Make a lease for this process, from now on."""
    me = psutil.Process()
    return Lease(socket.gethostname(), me.pid, me.create_time(), time.time() + DURATION_S)


def read_lease(tag: str | None) -> Lease | None:
    """Read the tag's value; None where there is no lease or it cannot be read."""
    try:
        return Lease(**json.loads(tag)) if tag else None
    except (TypeError, ValueError):
        return None


def other_holder(tags: Mapping[str, str], now: float) -> Lease | None:
    """Return the lease in a run's tags if another process holds it and still works."""
    lease = read_lease(tags.get(Tag.LEASE))
    return lease if lease and not lease.is_mine() and lease.is_alive(now) else None
