"""The environment of a command, looked at before anything is made."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from finscale.config.errors import ConfigError, quoted
from finscale.config.places import own_folder
from finscale.config.store import check_tracking_uri, store_patience_s

UNREADABLE = r"(?:Failed to convert .* for )?(MLFLOW_\w+)(?:: | value must be)"
"""What MLflow says of a variable of its own that it cannot read."""
_YES = ("true", "1")


def check_environment(variables: Mapping[str, str]) -> None:
    """Refuse an environment in which MLflow or the libraries beneath it end in a traceback.

    Raises
    ------
    ConfigError
        Naming the variable.
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
            todo="Set it to a folder that can be written: HOME=/tmp, say.",
        ) from None


def _check_logging_level(level: str) -> None:
    """Refuse a level that MLflow would stumble over while it is imported."""
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
            expected="a folder that is there",
            got="one that was removed while this shell stood in it",
            todo="Change to another (cd), then give the same line again.",
        ) from None


def variable_fault(error: BaseException) -> ConfigError | None:
    """Return the line about a variable that MLflow could not read, if that is what went wrong."""
    found = re.search(UNREADABLE, str(error))
    if not isinstance(error, ValueError) or found is None:
        return None
    return ConfigError(
        found[1],
        expected="a value that MLflow takes",
        got=str(error).split("\n")[0],
        todo="Correct the variable, or unset it.",
    )
