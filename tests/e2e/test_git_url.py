"""`mlflow run <git address>`: the code is cloned for one command, and the data outlive it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from finscale.market import read_manifest
from tests.e2e_shell import Done, Shell

AUTHOR = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *AUTHOR, *words], cwd=folder, check=True, capture_output=True)


class Backend(BaseHTTPRequestHandler):
    """Git's own CGI program behind Python's server.

    Plain files would not do: MLflow fetches the last commit alone, which only a server that
    talks can cut out.
    """

    folder: Path

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        said = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = subprocess.run(
            ["git", "http-backend"],
            env=os.environ | said,
            input=asked,
            capture_output=True,
            check=True,
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests' output is pytest's."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the repositories below a folder; give the address."""
    handler = type("Handler", (Backend,), {"folder": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def address(project: Path, tmp_path: Path) -> Iterator[str]:
    """The project as git sees it, as the one commit of a repository that is served."""
    work = tmp_path / "work"
    shutil.copytree(project, work)
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message=All of it")
    git(work, "clone", "--quiet", "--bare", ".", str(tmp_path / "served/finscale.git"))
    with served(tmp_path / "served") as root:
        yield f"{root}/finscale.git"


def prepare(shell: Shell, address: str, home: Path) -> Done:
    """Give the line of a user who has no clone."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return shell.mlflow(
        *("run", address, "--env-manager", "local", "-e", "data", "-P", "universe=sp500"),
        HOME=str(home),
        XDG_DATA_HOME=str(home / "share"),
        TMPDIR=str(home / "tmp"),
        no_proxy="127.0.0.1",
    )


@pytest.mark.slow
def test_data_of_a_git_address_are_there_for_the_next_command(
    shell: Shell, address: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first = prepare(shell, address, home)
    assert first.code == 0 and "sp500 is prepared." in first.out, first
    root = home / "share/finscale/data"
    raw, processed = sorted(read_manifest(root), reverse=True)
    assert raw == "raw/sp500/GSPC.parquet"
    assert processed.startswith("processed/sp500-daily-a20-")
    written = {name: (root / name).stat().st_mtime_ns for name in (raw, processed)}
    # Nothing was left where the code had been cloned to, or where the command was given.
    assert list((home / "tmp").glob("**/*.parquet")) == []

    second = prepare(shell, address, home)
    assert second.code == 0 and "sp500 is up to date." in second.out, second
    assert {name: (root / name).stat().st_mtime_ns for name in written} == written
    runs = shell.lab.runs("data")
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert {run.data.tags["mlflow.project.entryPoint"] for run in runs} == {"data"}


@pytest.mark.slow
def test_an_absolute_data_root_is_where_the_user_says(
    shell: Shell, address: str, tmp_path: Path
) -> None:
    home, root = tmp_path / "home", tmp_path / "mine"
    (home / "tmp").mkdir(parents=True)
    done = shell.mlflow(
        *("run", address, "--env-manager", "local", "-e", "data"),
        *("-P", f"data_root={root}"),
        HOME=str(home),
        TMPDIR=str(home / "tmp"),
        no_proxy="127.0.0.1",
    )
    assert done.code == 0, done
    assert (root / "raw/sp500/GSPC.parquet").is_file()
    assert list(home.rglob("*.parquet")) == []
