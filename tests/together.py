"""Processes that begin at the same moment: what each has to import is imported before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab import ROOT

READY = "print('ready', flush=True); sys.stdin.readline()"
"""What a script says when it has imported all it needs; it imports `sys`."""
WAIT_S = 240.0


def begin_together(
    script: str, arguments: Sequence[Sequence[str]], folder: Path, **variables: str
) -> list[str]:
    """Run a script in several processes, one for each list of arguments; return what they print."""
    assert READY in script
    started = [_start(script, one, folder, variables) for one in arguments]
    for process in started:
        assert process.stdout and process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=WAIT_S) for process in started]
    assert [process.returncode for process in started] == [0] * len(started), ended
    return [out.strip() for out, _ in ended]


def _start(
    script: str, arguments: Sequence[str], folder: Path, variables: dict[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"} | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
