"""Folders of the config files: the project's own, and the user's, which git ignores."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from finscale.config.errors import ConfigError, quoted

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
LOCAL = "local"
"""Name of the folder inside `configs` for a user's own files; git ignores it."""
VARIABLE = "FINSCALE_CONFIGS"
"""Environment variable with the path of another folder for a user's own files."""
FOLDERS = {
    "universe": "universes",
    "task": "tasks",
    "space": "search",
    "floors": "floors",
    "health": "health",
    "study": "studies",
}


def own_folder(variables: Mapping[str, str]) -> Path | None:
    """Return the folder of a user's own files that the environment names, or None.

    Raises
    ------
    ConfigError
        If the variable is not the absolute path of a folder. `mlflow run` changes the working
        directory, so a relative path would mean another folder there.
    """
    text = variables.get(VARIABLE, "")
    if not text:
        return None
    if not os.path.isabs(text) or "\0" in text or not os.path.isdir(text):
        raise ConfigError(
            VARIABLE,
            expected="the absolute path of an existing folder with universes/, tasks/, "
            "search/, floors/, health/ or studies/ in it",
            got=quoted(text),
            todo="Correct the variable, or unset it.",
        )
    return Path(text)


def names_of(kind: str, folder: Path = CONFIGS) -> list[str]:
    """Return the names of all files of a kind, the project's and the user's."""
    found = (path.stem for place in _places(folder) for path in _files(place, kind))
    return sorted(set(found))


def file_of(kind: str, name: str, folder: Path = CONFIGS) -> Path:
    """Return the path of a named file; if it does not exist, the path where a user may add it.

    Raises
    ------
    ConfigError
        If two files have the name, since neither takes precedence.
    """
    wanted = f"{name}.yaml"
    every = [place / FOLDERS[kind] / wanted for place in _places(folder)]
    there = list({path.resolve(): path for path in every if path.is_file()}.values())
    if len(there) > 1:
        first, second = there[:2]
        raise ConfigError(
            f"{kind} {name}",
            expected="one file of that name",
            got=f"{shown_path(first, folder)} and {shown_path(second, folder)}",
            todo="Rename one of them.",
        )
    return there[0] if there else folder / LOCAL / FOLDERS[kind] / wanted


def shown_path(path: Path, folder: Path = CONFIGS) -> str:
    """Write a path for a message: paths inside `configs` are relative to the project."""
    inside = path.is_relative_to(folder)
    return f"configs/{path.relative_to(folder).as_posix()}" if inside else str(path)


def tracked_names(kind: str) -> list[str]:
    """Return the names of the files that belong to the project: those that git tracks.

    Without git, or outside a repository, these are all files in the project's folder of the kind.
    """
    place = CONFIGS / FOLDERS[kind]
    command = ["git", "ls-files", "-z", "--", "."]
    try:
        answer = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return sorted(path.stem for path in _files(CONFIGS, kind))
    names = {name.removesuffix(".yaml") for name in answer.stdout.split("\0") if name}
    return sorted(names & {path.stem for path in _files(CONFIGS, kind)})


def _places(folder: Path) -> list[Path]:
    own = own_folder(os.environ)
    return [folder, folder / LOCAL, *([own] if own else [])]


def _files(place: Path, kind: str) -> list[Path]:
    return [path for path in (place / FOLDERS[kind]).glob("*.yaml") if path.is_file()]
