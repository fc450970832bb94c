"""Commands in processes of their own, and what the store says afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.tracking import search
from tests.lab import ROOT, Lab

# A search of a second: one architecture of 9K parameters.
PINS = {
    "universe": "tiny",
    "budget": "9K",
    "space": "demo",
    "d_model": "16",
    "n_layers": "2",
    "n_heads": "2",
    "d_ff": "32",
    "batch_size": "128",
    "device": "cpu",
}
WAIT_S = 240


def copy_project(folder: Path) -> None:
    """Copy the project as git sees it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@dataclass
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def mistakes(self) -> list[str]:
        """Lines of ours that say what a user did wrong."""
        return [line for line in self.err.splitlines() if line.startswith("finscale: ")]


@dataclass
class Shell:
    """The project's folder, a store, and the variables of a user's shell."""

    project: Path
    lab: Lab
    variables: dict[str, str]

    def python(self, verb: str, *arguments: str, **variables: str) -> Done:
        """Give ``python -m entrypoints.<verb> ...``, as `mlflow run` does."""
        return self.finish(self.start_python(verb, *arguments, **variables))

    def start_python(self, verb: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"entrypoints.{verb}", *arguments]
        return self._start(command, variables)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start any command in the project, with the shell's variables."""
        return self._start(command, {})

    def mlflow_run(self, verb: str, **params: str) -> Done:
        """Give ``mlflow run . -e <verb> -P ...``."""
        return self.finish(self.start_mlflow_run(verb, **params))

    def start_mlflow_run(self, verb: str, **params: str) -> subprocess.Popen[str]:
        values = {"data_root": str(self.lab.data_root)} | params
        pairs = [part for name, value in values.items() for part in ("-P", f"{name}={value}")]
        command = [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local"]
        return self._start([*command, "-e", verb, *pairs], {})

    def mlflow(self, *words: str, **variables: str) -> Done:
        """Give ``mlflow ...``."""
        return self.finish(self._start([sys.executable, "-m", "mlflow", *words], variables))

    def new_run(self) -> str:
        """Create a run as `mlflow run` does."""
        return str(MlflowClient().create_run("0").info.run_id)

    def every_run(self) -> list[StoredRun]:
        return list(search("", order_by=["attributes.start_time ASC"]))

    def running(self) -> list[str]:
        return [run.info.run_name for run in self.every_run() if run.info.status == "RUNNING"]

    def _start(self, command: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.variables | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",  # a test may ask for another encoding
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Done:
        """Wait until a command has ended."""
        with killed_at_the_end(process):
            out, err = process.communicate(timeout=WAIT_S)
        return Done(process.returncode, out, err)

    def wait_until(self, process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
        """Wait until something has happened while a command runs."""
        until = time.monotonic() + WAIT_S
        while not reached():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "it did not get there"
            time.sleep(0.05)  # between two looks at the store, not instead of one

    def stop_when(
        self, process: subprocess.Popen[str], reached: Callable[[], bool], how: signal.Signals
    ) -> Done:
        """Send a signal to the whole group, as a terminal does, once something has happened."""
        with killed_at_the_end(process):
            self.wait_until(process, reached)
            os.killpg(process.pid, how)
            out, err = process.communicate(timeout=WAIT_S)
        return Done(process.returncode, out, err)


class killed_at_the_end:  # noqa: N801 - reads as what it does
    """Leave no process behind, whatever a test ends with."""

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.process = process

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
