"""How the user started this process, so that suggested commands are written in the same way.

The tags of an MLflow run do not tell: they name an environment only if MLflow made one, give the
folder in full where the user wrote a dot, and name no experiment. The command line of the parent
process `mlflow run` has all of this.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

VARIABLE = "_FINSCALE_STARTED"
"""Environment variable that tells workers how the user started the command."""
_PLAIN = ("mlflow", "run", ".")
_SAID_ANEW = ("-e", "--entry-point", "-P", "--param-list", "--run-id", "--run-name")


def remember_start() -> None:
    """Remember, for this process and its workers, how the user started the command."""
    above = _above() if "MLFLOW_RUN_ID" in os.environ else ()
    os.environ[VARIABLE] = json.dumps(words_of(sys.orig_argv, above, os.environ))


def words_of(
    own: Sequence[str], above: Iterable[Sequence[str]], variables: Mapping[str, str]
) -> list[str]:
    """Return the words of the user's command that come before the verb.

    Parameters
    ----------
    own : sequence of str
        The command line of this process.
    above : iterable of sequences of str
        The command lines of its parent processes, the nearest first.
    variables : mapping
        The environment variables.
    """
    for line in above:
        if words := _mlflow_words(list(line), variables):
            return words
    if {"MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_URI"} <= variables.keys():
        return [*_PLAIN, *_guessed(variables)]  # `mlflow.projects.run` in a notebook
    runner = list(own[: own.index("-m")]) if "-m" in own else ["python"]
    return [*runner, "-m"]


def command(verb: str, pairs: Mapping[str, str]) -> str:
    """Write the command of a verb in the way the user started this one, quoted for a shell."""
    words = _started(os.environ)
    if words[-1] == "-m":
        options = [f"--{name}={text}" for name, text in pairs.items()]
        return shlex.join([*words, f"entrypoints.{verb}", *options])
    options = [part for name, text in pairs.items() for part in ("-P", f"{name}={text}")]
    return shlex.join([*words, "-e", verb, *options])


def _started(variables: Mapping[str, str]) -> list[str]:
    return json.loads(variables[VARIABLE]) if VARIABLE in variables else list(_PLAIN)


def _above() -> Iterable[Sequence[str]]:
    """Yield the command lines of the parent processes, as far as they can be read."""
    import psutil

    try:
        for process in psutil.Process().parents():
            yield process.cmdline()
    except psutil.Error:
        return


def _mlflow_words(line: list[str], variables: Mapping[str, str]) -> list[str]:
    """Return the words of `mlflow run` that a new command keeps; empty for another program."""
    places = [at for at, word in enumerate(line[:3]) if PurePath(word).stem == "mlflow"]
    if not places or "run" not in line[places[0] :]:
        return []
    at, run = places[0], line.index("run", places[0])
    program = line[at]
    if at and line[at - 1] == "-m":
        program_words = line[: at + 1]
    else:
        is_on_path = shutil.which("mlflow", path=variables.get("PATH")) == program
        program_words = ["mlflow" if is_on_path else program]
    return [*program_words, *line[at + 1 : run + 1], *_kept(line[run + 1 :])]


def _kept(words: Sequence[str]) -> Iterable[str]:
    """Yield the words after `mlflow run`, except its verb, its parameters and its run."""
    rest = iter(words)
    for word in rest:
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        if name not in _SAID_ANEW:
            yield word
        elif word == name:
            next(rest, None)  # its value is a word of its own


def _guessed(variables: Mapping[str, str]) -> Iterable[str]:
    """Yield the options of `mlflow run`, inferred from the process that it started."""
    if not PurePath(sys.prefix).name.startswith("mlflow-"):
        yield from ("--env-manager", "local")
    if (experiment := variables["MLFLOW_EXPERIMENT_ID"]) != "0":
        yield from ("--experiment-id", experiment)
