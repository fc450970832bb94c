"""Lease of a run: a tag that names the process working on it, so that a dead holder is noticed.

A holder on the same system is looked up among its processes. A system is one boot of a machine and
one namespace of process ids, because containers may share host names and process ids.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from finscale.tracking.names import Tag

FREE = ""
"""Value of the tag after the holder has left the run."""
SAME_START_S = 3.0
"""Seconds by which two readings of a process's start time may differ. It is computed from the boot
time, which the kernel knows to the second."""
DURATION_S = 3600.0
"""Seconds for which a lease from another system is valid; on this system, the process is looked
up."""
_BOOT, _NAMESPACE = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Lease:
    """A process that holds a run until `expires` (seconds since 1970).

    Attributes
    ----------
    host : str
        Host name, for people only: machines and containers may share one.
    system : str
        The boot of a machine and its namespace of process ids; empty in leases of older versions,
        whose holders cannot be looked up.
    token : str
        Random value drawn by the process, which tells it from another with the same id and start.
    """

    host: str
    pid: int
    started: float
    expires: float
    system: str = ""
    token: str = ""

    def encode(self) -> str:
        """Return the lease as a tag value."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_mine(self) -> bool:
        """Return True if this process holds the lease."""
        return self.token == _token(os.getpid())

    def is_alive(self, now: float) -> bool:
        """Return True if the holder still works, as far as this process can tell."""
        if self.system and self.system == _system():
            return self._lives()
        return now < self.expires

    def _lives(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START_S
            # A killed worker of a search stays a zombie until its parent collects it.
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


def take_lease() -> Lease:
    """Return a lease for this process that begins now."""
    me = psutil.Process()
    return Lease(
        host=socket.gethostname(),
        pid=me.pid,
        started=me.create_time(),
        expires=time.time() + DURATION_S,
        system=_system(),
        token=_token(me.pid),
    )


def read_lease(tag: str | None) -> Lease | None:
    """Read a lease from its tag value; None if there is no lease or it cannot be read."""
    try:
        return Lease(**json.loads(tag)) if tag else None
    except (TypeError, ValueError):
        return None


def other_holder(tags: Mapping[str, str], now: float) -> Lease | None:
    """Return the lease in a run's tags if another process holds it and still works."""
    lease = read_lease(tags.get(Tag.LEASE))
    return lease if lease and not lease.is_mine() and lease.is_alive(now) else None


@cache
def _token(pid: int) -> str:
    """Return the token of this process. A forked process has another id and draws its own."""
    return f"{pid}-{secrets.token_hex(8)}"


@cache
def _system() -> str:
    """Return the name of this system: the boot of the machine and its namespace of process ids."""
    try:
        return f"{_BOOT.read_text().strip()} {os.readlink(_NAMESPACE)}"
    except OSError:  # not Linux, so no containers share the host's name
        return f"{socket.gethostname()} {os.name}"
