"""Who is working on a run: a tag renewed with every epoch, so that a dead holder is noticed.

A process is looked up where its lease was taken in this very system: containers share host names,
and their processes have numbers of their own, so that neither says where a process lives.
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
"""The tag of a run that its holder has left."""
SAME_START_S = 3.0
"""Two processes may read a third one's start a second apart: each counts from the boot, which the
kernel knows to the second."""
DURATION_S = 3600.0
"""How long a holder elsewhere is believed; one of this system is looked up."""
_BOOT, _NAMESPACE = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Lease:
    """A process that holds a run until `expires` (seconds since 1970).

    Attributes
    ----------
    host : str
        For people: machines and containers may share a name.
    system : str
        The boot of a machine and the space in which its processes are numbered; empty in leases
        of before it was kept, whose holders cannot be looked up.
    token : str
        Drawn by the process: another one with its number and start is another holder.
    """

    host: str
    pid: int
    started: float
    expires: float
    system: str = ""
    token: str = ""

    def encode(self) -> str:
        """Write as the tag's value."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_mine(self) -> bool:
        """Tell whether this very process holds it."""
        return self.token == _token(os.getpid())

    def is_alive(self, now: float) -> bool:
        """Tell whether the holder still works, as far as can be seen from here."""
        if self.system and self.system == _system():
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
    return Lease(
        host=socket.gethostname(),
        pid=me.pid,
        started=me.create_time(),
        expires=time.time() + DURATION_S,
        system=_system(),
        token=_token(me.pid),
    )


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


@cache
def _token(pid: int) -> str:
    """Return this process's own token; a forked one, which has another number, draws anew."""
    return f"{pid}-{secrets.token_hex(8)}"


@cache
def _system() -> str:
    """Name this boot of this machine and the space of its process numbers."""
    try:
        return f"{_BOOT.read_text().strip()} {os.readlink(_NAMESPACE)}"
    except OSError:  # no Linux: there are no containers that share a host's name
        return f"{socket.gethostname()} {os.name}"
