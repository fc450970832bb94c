"""Real stores for tests: a PostgreSQL and an MLflow server, started and stopped by the test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

START_S = 90.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL with an empty database; yield its address."""
    binaries = [shutil.which(name) for name in ("initdb", "postgres")]
    if None in binaries:
        pytest.skip("no PostgreSQL on this machine: initdb and postgres are not on the path")
    initdb, server = map(str, binaries)
    # Not under pytest's own folder, which another user may not enter; /tmp keeps sockets short.
    with TemporaryDirectory(dir="/tmp", prefix="pg-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        who = _somebody_else(folder)
        made = [initdb, "-D", str(folder / "data"), "-U", "me", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)
        command = [server, "-D", str(folder / "data"), "-p", str(port), "-k", name, "-F"]
        with _started(command, folder, lambda: _listens(port), **who):
            yield f"postgresql+psycopg2://me:secret@127.0.0.1:{port}/postgres"


@contextmanager
def mlflow_server(database: str, artifacts: Path) -> Iterator[str]:
    """Serve a database and its artifacts over HTTP; yield the address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    options = {"host": "127.0.0.1", "port": port, "workers": 1, "backend-store-uri": database}
    given = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "mlflow", "server", *given, "--serve-artifacts"]
    command.append(f"--artifacts-destination={artifacts}")
    with _started(command, artifacts.parent, lambda: _is_healthy(address)):
        yield address


@contextmanager
def _started(
    command: list[str], folder: Path, is_up: Callable[[], bool], **who: Any
) -> Iterator[None]:
    """Run a server in a session of its own until the block is over."""
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, start_new_session=True, **who
        )
    try:
        deadline = time.monotonic() + START_S
        while not is_up():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server and what it has started to end; then insist."""
    for signal_number, patience_s in ((2, 10), (9, 10)):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(patience_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _somebody_else(folder: Path) -> dict[str, Any]:
    """Return how to run as a user that PostgreSQL accepts: anyone but root, to whom it is given."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
