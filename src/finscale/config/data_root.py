"""The folder of the data: beside the code, unless the checkout of the code is temporary."""

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
    """Move a relative path out of a temporary checkout.

    ``mlflow run <git url>`` clones into a new temporary folder for each command, so the next
    command would have to fetch data in it again. Such data go below ``$XDG_DATA_HOME/finscale``
    instead (by default ``~/.local/share/finscale``).
    """
    if path.is_absolute() or not _is_temporary(project):
        return path
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "finscale" / path


def _is_temporary(project: Path) -> bool:
    """Tell whether the folder was made by `tempfile.mkdtemp`, as MLflow does for a clone."""
    is_there = project.parent == Path(tempfile.gettempdir()).resolve()
    return is_there and project.name.startswith(tempfile.gettempprefix())


def _given(value: object) -> object:
    """Refuse an empty text, which would mean the working directory."""
    if value == "":
        raise ConfigError(
            "data_root",
            expected="a folder",
            got="nothing",
            todo="Name one, or leave the parameter out.",
        )
    return value


def _can_be(path: Path) -> Path:
    """Refuse a path that is too long for a file system once our file names are appended."""
    if len(os.fsencode(path)) > MOST_BYTES or any(len(os.fsencode(p)) > 255 for p in path.parts):
        raise ConfigError(
            "data_root",
            expected=f"a path of {MOST_BYTES:,} bytes at most, with 255 at most for each folder",
            got=quoted(str(path)),
            todo="Give a shorter path.",
        )
    return path


DataRoot = Annotated[
    Path, BeforeValidator(_given), AfterValidator(_can_be), AfterValidator(lasting)
]
