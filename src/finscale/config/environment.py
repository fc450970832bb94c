"""Checks of the environment of a command, before anything is created."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from finscale.config.errors import ConfigError, quoted
from finscale.config.places import own_folder
from finscale.config.store import check_tracking_uri, store_patience_s

UNREADABLE = r"(?:Failed to convert .* for )?(MLFLOW_\w+)(?:: | value must be)"
"""MLflow's message about an environment variable of its own that it cannot read."""
_YES = ("true", "1")


def check_environment(variables: Mapping[str, str]) -> None:
    """Refuse an environment in which MLflow or its libraries would end in a traceback.

    Raises
    ------
    ConfigError
        If a variable or the working directory is wrong; the message names it.
    """
    allow_folders = variables.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in _YES
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        check_tracking_uri(variables.get(variable), variable, allow_folders=allow_folders)
    store_patience_s(variables)
    own_folder(variables)
    _check_logging_level(variables.get("MLFLOW_LOGGING_LEVEL", ""))
    _check_working_directory()
    try:
        Path.home()
    except RuntimeError:
        raise ConfigError(
            "HOME",
            expected="a home folder, where MLflow and matplotlib keep their settings",
            got="none: the variable is unset, and this user has no entry in the list of users",
            todo="Set it to a folder that can be written, for example HOME=/tmp.",
        ) from None


def _check_logging_level(level: str) -> None:
    """Refuse a level that makes the import of MLflow fail."""
    known = logging.getLevelNamesMapping()
    if level and level.upper() not in known:
        raise ConfigError(
            "MLFLOW_LOGGING_LEVEL",
            expected=f"one of {', '.join(known)}",
            got=quoted(level),
            todo="Correct the variable, or unset it.",
        )


def _check_working_directory() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            "working directory",
            expected="a folder that exists",
            got="one that was removed while this shell was in it",
            todo="Change to another folder (cd), then give the same line again.",
        ) from None


def variable_fault(error: BaseException) -> ConfigError | None:
    """Return the user's error if MLflow failed to read one of its variables, else None."""
    found = re.search(UNREADABLE, str(error))
    if not isinstance(error, ValueError) or found is None:
        return None
    return ConfigError(
        found[1],
        expected="a value that MLflow takes",
        got=str(error).split("\n")[0],
        todo="Correct the variable, or unset it.",
    )
