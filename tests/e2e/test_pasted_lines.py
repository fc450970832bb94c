"""What a command says to give next is given, as it stands, to a shell."""

from __future__ import annotations

import re

import pytest

from finscale.tracking import Tag
from tests.e2e_shell import PINS, Done, Shell

SMALL = PINS | {"n_trials": "1", "epochs": "1"}


def pasted(shell: Shell, line: str) -> Done:
    """Give a line to a shell that stands where the user's does."""
    return shell.finish(shell.start(["bash", "-c", line]))


def said(note: str, word: str) -> str:
    (line,) = re.findall(rf"\*\*{word}\*\*.*`([^`\n]+)`", note)
    return line


@pytest.mark.slow
def test_lines_of_an_mlflow_run_are_as_its_own(shell: Shell) -> None:
    options = ["--env-manager", "local", "--experiment-name", "my tests"]
    pairs = [part for pair in SMALL.items() for part in ("-P", "=".join(pair))]
    where = ["-P", f"data_root={shell.lab.data_root}"]
    first = shell.mlflow("run", ".", "-e", "hpo", *options, *pairs, *where)
    assert first.code == 0, first
    (parent,) = shell.lab.runs("hpo")
    again, following = (said(parent.data.tags[Tag.NOTE], word) for word in ("Go on", "Next"))
    for line, verb in ((again, "hpo"), (following, "train")):
        assert "--env-manager local --experiment-name 'my tests'" in line
        assert f" -e {verb} " in line
    done = pasted(shell, again)
    assert done.code == 0 and "the search has its 1 trial already" in done.out, done
    experiments = {run.info.experiment_id for run in shell.every_run()}
    assert len(experiments) == 1 and shell.running() == []


@pytest.mark.slow
def test_lines_of_python_are_as_its_own(shell: Shell) -> None:
    arguments = [f"--{name}={value}" for name, value in SMALL.items()]
    first = shell.python("hpo", *arguments, f"--data_root={shell.lab.data_root}")
    assert first.code == 0, first
    (parent,) = shell.lab.runs("hpo")
    line = said(parent.data.tags[Tag.NOTE], "Go on")
    assert " -m entrypoints.hpo --universe=tiny " in line
    done = pasted(shell, line)
    assert done.code == 0 and "the search has its 1 trial already" in done.out, done
