"""A lease tells whether its holder still works."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from finscale.tracking.lease import DURATION_S, Lease, read_lease, take_lease

NOW = 1_000_003.0


def test_this_process_holds_what_it_took() -> None:
    lease = take_lease()
    assert lease.is_mine() and lease.is_alive(time.time())
    assert abs(lease.expires - time.time() - DURATION_S) < 60


def test_a_process_of_this_machine_is_looked_up_whatever_the_lease_says() -> None:
    expired = replace(take_lease(), expires=0.0)
    assert expired.is_alive(NOW)


def test_another_living_process_is_alive_and_not_mine() -> None:
    parent = psutil.Process(os.getppid())
    started = parent.create_time()
    lease = replace(take_lease(), pid=parent.pid, started=started, token="its own")
    assert lease.is_alive(NOW) and not lease.is_mine()


def test_a_later_process_with_the_same_number_is_not_the_holder() -> None:
    lease = replace(take_lease(), started=1.0, token="its own")
    assert not lease.is_alive(NOW) and not lease.is_mine()


def test_a_process_that_is_not_there_is_dead() -> None:
    gone = replace(take_lease(), pid=2**22 + 7, started=1.0, expires=NOW + 1, token="its own")
    assert not gone.is_alive(NOW)


@pytest.mark.parametrize("other", ["another boot", "", "this boot pid:[another space]"])
def test_a_process_of_another_container_of_the_same_name_is_believed(other: str) -> None:
    """Its number is not ours to look up: it may live, or be somebody else's here."""
    lease = replace(take_lease(), system=other, pid=2**22 + 7, expires=NOW, token="its own")
    assert lease.host == socket.gethostname()
    assert lease.is_alive(NOW - 1) and not lease.is_alive(NOW) and not lease.is_mine()


def test_a_lease_of_before_systems_were_named_is_read_and_believed() -> None:
    old = {"host": socket.gethostname(), "pid": 2**22 + 7, "started": 1.0, "expires": NOW}
    lease = read_lease(json.dumps(old))
    assert lease is not None and not lease.is_mine()
    assert lease.is_alive(NOW - 1) and not lease.is_alive(NOW)


def test_a_process_with_our_number_in_another_container_is_not_this_one() -> None:
    assert not replace(take_lease(), token="its own").is_mine()


def test_another_machine_is_believed_until_the_lease_runs_out() -> None:
    lease = Lease("elsewhere", 7, 1.0, expires=NOW)
    assert lease.is_alive(NOW - 1) and not lease.is_alive(NOW)
    assert not lease.is_mine()


def test_a_lease_survives_its_tag() -> None:
    lease = take_lease()
    assert read_lease(lease.encode()) == lease


@pytest.mark.parametrize("tag", [None, "", "{", "[1]", json.dumps({"pid": 7}), "null"])
def test_what_cannot_be_read_is_no_lease(tag: str | None) -> None:
    assert read_lease(tag) is None


def test_a_killed_process_that_nobody_has_looked_after_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    lease = replace(take_lease(), pid=child.pid, started=process.create_time())
    assert lease.is_alive(NOW)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert process.status() == psutil.STATUS_ZOMBIE and not lease.is_alive(NOW)
    child.communicate()


def test_starts_that_two_processes_read_a_second_apart_are_one() -> None:
    lease = replace(take_lease(), token="its own")
    assert replace(lease, started=lease.started + 1.0).is_alive(NOW)
    assert not replace(lease, started=lease.started + 60.0).is_alive(NOW)
