"""How a user started this process: what we tell them to give next is written the same way.

MLflow's tags of a run do not say it: they name an environment only where MLflow made one, a folder
in full where a user wrote a dot, and no experiment. The command line of the `mlflow run` above
this process does.
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
"""Environment variable in which workers find how the command that started them was given."""
_PLAIN = ("mlflow", "run", ".")
_SAID_ANEW = ("-e", "--entry-point", "-P", "--param-list", "--run-id", "--run-name")


def remember_start() -> None:
    """Note, for this process and its workers, how the user gave the command it runs."""
    above = _above() if "MLFLOW_RUN_ID" in os.environ else ()
    os.environ[VARIABLE] = json.dumps(words_of(sys.orig_argv, above, os.environ))


def words_of(
    own: Sequence[str], above: Iterable[Sequence[str]], variables: Mapping[str, str]
) -> list[str]:
    """Return the words of the user's command that stand before its verb.

    Parameters
    ----------
    own : sequence of str
        The command line of this process.
    above : iterable of sequences of str
        Those of the processes above it, the nearest first.
    variables : mapping
        The environment.
    """
    for line in above:
        if words := _mlflow_words(list(line), variables):
            return words
    if {"MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_URI"} <= variables.keys():
        return [*_PLAIN, *_guessed(variables)]  # `mlflow.projects.run` in a notebook
    runner = list(own[: own.index("-m")]) if "-m" in own else ["python"]
    return [*runner, "-m"]


def command(verb: str, pairs: Mapping[str, str]) -> str:
    """Write the line of a verb as the user writes theirs, quoted for a shell."""
    words = _started(os.environ)
    if words[-1] == "-m":
        options = [f"--{name}={text}" for name, text in pairs.items()]
        return shlex.join([*words, f"entrypoints.{verb}", *options])
    options = [part for name, text in pairs.items() for part in ("-P", f"{name}={text}")]
    return shlex.join([*words, "-e", verb, *options])


def _started(variables: Mapping[str, str]) -> list[str]:
    return json.loads(variables[VARIABLE]) if VARIABLE in variables else list(_PLAIN)


def _above() -> Iterable[Sequence[str]]:
    """Yield the command lines of the processes above this one, as far as they can be read."""
    import psutil

    try:
        for process in psutil.Process().parents():
            yield process.cmdline()
    except psutil.Error:
        return


def _mlflow_words(line: list[str], variables: Mapping[str, str]) -> list[str]:
    """Return the words of an `mlflow run`, without what we say anew; empty if it is none."""
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
    """Yield the words after `mlflow run` but for its verb, its parameters and its run."""
    rest = iter(words)
    for word in rest:
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        if name not in _SAID_ANEW:
            yield word
        elif word == name:
            next(rest, None)  # its value is a word of its own


def _guessed(variables: Mapping[str, str]) -> Iterable[str]:
    """Yield what `mlflow run` has to be told, by what it does to the process that it starts."""
    if not PurePath(sys.prefix).name.startswith("mlflow-"):
        yield from ("--env-manager", "local")
    if (experiment := variables["MLFLOW_EXPERIMENT_ID"]) != "0":
        yield from ("--experiment-id", experiment)
