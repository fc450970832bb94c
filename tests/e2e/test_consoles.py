"""Verbs on consoles of every kind: what cannot be said is left out, and the work goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from finscale.tracking import Tag
from tests.e2e_shell import WAIT_S, Shell, killed_at_the_end

pytestmark = pytest.mark.slow

FAST = {"universe": "tiny", "budget": "32K", "space": "demo", "n_trials": "2", "epochs": "2",
        "device": "cpu"}  # fmt: skip
FINALS = {"top_k": "1", "n_seeds": "1"}
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def words(shell: Shell, **options: str) -> list[str]:
    return [
        f"--{name}={v}" for name, v in {"data_root": str(shell.lab.data_root), **options}.items()
    ]


def statuses(shell: Shell, kind: str) -> set[tuple[str, str | None]]:
    return {(run.info.status, run.data.tags.get(Tag.STATUS)) for run in shell.lab.runs(kind)}


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, PLAIN]
)
def test_a_console_without_our_signs(shell: Shell, variables: dict[str, str]) -> None:
    for verb, options in (
        ("hpo", FAST),
        ("train", FAST | FINALS),
        ("analyze", {"universe": "tiny", "allow_partial": "true"}),
    ):
        done = shell.python(verb, *words(shell, **options), **variables)
        assert (done.code, done.err) == (0, ""), done
    assert shell.running() == []
    for kind in ("hpo", "trial", "train", "final", "analysis"):
        assert statuses(shell, kind) <= {("FINISHED", "ok"), ("KILLED", "pruned")}, kind


@pytest.mark.parametrize("redirect", ["> /dev/full", "| head -1 > /dev/null", ">&-", ">&- 2>&-"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_console_that_is_broken(shell: Shell, redirect: str, workers: str) -> None:
    options = " ".join(words(shell, **FAST, workers=workers))
    pipe = f"set -o pipefail; {sys.executable} -m entrypoints.hpo {options} {redirect}"
    done = shell.finish(shell.start(["bash", "-c", pipe]))
    assert (done.code, done.err) == (0, "")
    assert shell.running() == [] and statuses(shell, "hpo") == {("FINISHED", "ok")}
    assert len(shell.lab.runs("trial")) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_that_goes_away(shell: Shell, encoding: str) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "entrypoints.hpo", *words(shell, **FAST)]
    process = subprocess.Popen(
        command,
        cwd=shell.project,
        env=shell.variables | {"PYTHONIOENCODING": encoding, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with killed_at_the_end(process):
        seen = b""
        while b"search" not in seen:  # the bars are there
            seen += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(WAIT_S) == 0
    assert b"Traceback" not in seen
    assert shell.running() == [] and statuses(shell, "hpo") == {("FINISHED", "ok")}
