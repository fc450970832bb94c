"""Where data are kept: beside the code, unless the code itself will be thrown away."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from finscale.config.errors import ConfigError, quoted
from finscale.config.places import CONFIGS

MOST_BYTES = 3_500


def lasting(path: Path, project: Path = CONFIGS.parent) -> Path:
    """Keep a relative path out of a checkout that is temporary.

    ``mlflow run <git url>`` clones into a new folder of the system's temporary one, for this one
    command: data in it would be fetched again by the next. They go below ``$XDG_DATA_HOME`` (by
    default ``~/.local/share``) ``/finscale`` instead.
    """
    if path.is_absolute() or not _is_temporary(project):
        return path
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "finscale" / path


def _is_temporary(project: Path) -> bool:
    """Tell whether `tempfile.mkdtemp` made the folder, which is what MLflow clones into."""
    is_there = project.parent == Path(tempfile.gettempdir()).resolve()
    return is_there and project.name.startswith(tempfile.gettempprefix())


def _given(value: object) -> object:
    """Refuse no folder at all, which would mean the working directory."""
    if value == "":
        raise ConfigError(
            "data_root",
            expected="a folder",
            got="nothing",
            todo="Name one, or leave the parameter out.",
        )
    return value


def _can_be(path: Path) -> Path:
    """Refuse a path that no file system takes, with the names of our files behind it."""
    if len(os.fsencode(path)) > MOST_BYTES or any(len(os.fsencode(p)) > 255 for p in path.parts):
        raise ConfigError(
            "data_root",
            expected=f"a path of {MOST_BYTES:,} bytes at most, and 255 a folder",
            got=quoted(str(path)),
            todo="Give a shorter one.",
        )
    return path


DataRoot = Annotated[
    Path, BeforeValidator(_given), AfterValidator(_can_be), AfterValidator(lasting)
]
