"""Address of the tracking store: MLflow's default or the user's variable, never set in code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from finscale.config.errors import ConfigError, quoted

WAIT_VARIABLE = "FINSCALE_STORE_WAIT_S"
DEFAULT_WAIT_S = 300.0
"""Seconds to wait for a store that does not answer: longer than the restart of a server."""
LONGEST_WAIT_S = 86_400.0

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https", "databricks")
_OTHER_NAMES = {"postgres": "postgresql", "pg": "postgresql", "mariadb": "mysql"}
_SECRET = re.compile(r"(?i)([?&;](?:password|passwd|pwd|token|secret|api_?key)=)[^&;\s'\"]+")
_USER = re.compile(r"(?<=://)([^\s/@:]*):[^\s]*@")


def without_passwords(text: str) -> str:
    """Replace each password in an address, or in a text with addresses, by stars.

    >>> without_passwords("postgresql://me:s3cret@host/db?password=x")
    'postgresql://me:***@host/db?password=***'
    """
    return _SECRET.sub(r"\1***", _USER.sub(r"\1:***@", text))


def check_tracking_uri(
    uri: str | None, variable: str = "MLFLOW_TRACKING_URI", *, allow_folders: bool = False
) -> None:
    """Refuse an address that MLflow cannot open, or whose meaning depends on the folder.

    With a relative path, `mlflow run` and its child process would open two different stores.

    Parameters
    ----------
    variable : str
        Name of the variable that holds the address, for the message.
    allow_folders : bool
        Whether the user has told MLflow to keep runs in folders nevertheless.

    Raises
    ------
    ConfigError
        If `uri` names a relative path, a folder, or a kind of store that MLflow does not know.
    """
    try:
        _check(uri, allow_folders)
    except _WrongError as wrong:
        got = quoted(without_passwords(str(uri)))
        raise ConfigError(variable, expected=wrong.expected, got=got, todo=wrong.todo) from None


class _WrongError(Exception):
    def __init__(self, expected: str, todo: str) -> None:
        super().__init__(expected)
        self.expected, self.todo = expected, todo


def _check(uri: str | None, allow_folders: bool) -> None:
    if not uri or uri == "databricks":
        return
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, rest = ("file", uri.removeprefix("file:"))
    engine = scheme.partition("+")[0]
    if _is_relative(engine, rest):
        raise _WrongError(
            "an absolute address such as sqlite:////home/me/mlflow.db or http://host:5000",
            "A relative path would mean another store inside the project: write it in full.",
        )
    if engine == "file" and allow_folders:
        return
    if engine == "file":
        raise _WrongError(
            "a database or a server: MLflow 3 keeps no runs in folders",
            f"Give sqlite:///{Path(rest) / 'mlflow.db'}; `mlflow migrate-filestore --help` says "
            "how to bring old runs along.",
        )
    if engine == "sqlite":
        _check_file(rest)
    elif engine not in (*_DATABASES, *_SERVERS, *_plugins()):
        raise _unknown(engine)
    elif engine in ("http", "https") and not re.match(r"[^/:?#]", rest.rpartition("@")[2]):
        raise _WrongError("an address with the name of a host", "Write http://host:5000.")


def would_make_store(uri: str) -> bool:
    """Tell whether opening an address would create a file, because it does not exist yet.

    >>> would_make_store("sqlite:////no/such/folder/mlflow.db"), would_make_store("http://host")
    (True, False)
    """
    scheme, separator, rest = uri.partition(":///")
    is_file = bool(separator) and scheme.startswith("sqlite")
    return is_file and not Path(rest.partition("?")[0]).exists()


def _is_relative(engine: str, rest: str) -> bool:
    if engine == "sqlite":
        return re.match(r"/(/|[A-Za-z]:|:memory:)", rest) is None
    return engine == "file" and not rest.startswith("/")


def _check_file(rest: str) -> None:
    """Refuse a folder instead of a database file, and a database in memory."""
    path = Path(rest.removeprefix("/").partition("?")[0])
    if path.is_dir():
        todo = f"Name a file in it: sqlite:///{path / 'mlflow.db'}."
        raise _WrongError("the file of a database", f"That is a folder. {todo}")
    if path.name == ":memory:":
        raise _WrongError("a store that lasts", "Name a file: sqlite:////home/me/mlflow.db.")


def _plugins() -> list[str]:
    """Return the schemes of tracking stores that installed plugins provide."""
    return [entry.name for entry in entry_points(group="mlflow.tracking_store")]


def _unknown(engine: str) -> _WrongError:
    known = (*_DATABASES, *_SERVERS, *_plugins())
    near = difflib.get_close_matches(engine.lower(), known, n=1, cutoff=0.6)
    meant = _OTHER_NAMES.get(engine.lower()) or (near[0] if near else None)
    todo = f"Write {meant}:// in front." if meant else "Correct it, or unset the variable."
    return _WrongError(f"an address that begins with one of {', '.join(known)}", todo)


def store_patience_s(variables: Mapping[str, str]) -> float:
    """Return how many seconds to wait for a store that does not answer.

    Raises
    ------
    ConfigError
        If ``FINSCALE_STORE_WAIT_S`` is not a number in the allowed range.
    """
    text = variables.get(WAIT_VARIABLE, "") or str(DEFAULT_WAIT_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= LONGEST_WAIT_S:
        raise ConfigError(
            WAIT_VARIABLE,
            expected=f"seconds, from 0 to {LONGEST_WAIT_S:g}",
            got=quoted(text),
            todo="Correct the variable, or unset it.",
        )
    return seconds
