"""Loading of the YAML files in ``configs/`` into frozen types, with one line for a mistake."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from finscale.config.documents import read_document
from finscale.config.errors import ConfigError, cut, listed, quoted
from finscale.config.places import CONFIGS, FOLDERS, LOCAL, file_of, names_of, shown_path

_PLAIN = {
    "too_short": "one value at least",
    "string_type": "text",
    "int_parsing_size": "a valid integer of fewer digits",
    "tuple_type": "a list",
    "date_from_datetime_parsing": "a date such as 2024-01-31",
    "date_from_datetime_inexact": "a date such as 2024-01-31",
}
"""Plain words for what pydantic expects, by its type of error."""
_IN_QUOTES = (
    'Write it in quotes, as "000001" or "ON": without quotes, YAML reads it as a number, a truth '
    "value or a date."
)
MOST_NAMES = 60
"""Most names that a message lists: all of the project's own, and some of a user's."""
_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


class Frozen(BaseModel):
    """Base class of every config: it is immutable and refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Named(Frozen):
    """A config that has its own file and takes its name from the file."""

    name: str

    @field_validator("name")
    @classmethod
    def _fits_into_tags(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{cls.__name__.lower()} {name}",
                expected="a name of lower-case letters, digits, - and _, a letter first",
                got=quoted(name),
                todo="Rename the file: names become part of run tags and model names.",
            )
        return name


def option(default: object, description: str) -> Any:
    """Declare a field that a user may set with ``-P name=value``; ``--help`` lists it.

    The default is written as a user would write it, and the field's type converts it.
    """
    return Field(default=default, description=description)


Model = TypeVar("Model", bound=BaseModel)


def load_named(kind: str, name: object, model: type[Model], folder: Path = CONFIGS) -> Model:
    """Read the file of a given kind and name into a `model`.

    Raises
    ------
    ConfigError
        If there is no such file (the message suggests similar names), if there are two, or if
        the file is malformed.
    """
    names = names_of(kind, folder)
    if name not in names:
        place = f"configs/{LOCAL}/{FOLDERS[kind]}/"
        raise unknown(kind, str(name), names, todo=f"Or add a file to {place}.")
    path = file_of(kind, str(name), folder)
    where = shown_path(path, folder)
    try:
        values = read_document(path)
    except (yaml.YAMLError, ValueError, OSError) as error:  # also dates such as 31 June
        raise _unreadable(where, str(error)) from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise _unreadable(where, quoted(values))
    if "name" in values:
        raise _unreadable(where, "a field called name, but the name is that of the file")
    try:
        return model.model_validate({**values, "name": name})
    except ValidationError as error:
        raise from_validation(error, where) from None


def _unreadable(where: str, got: str) -> ConfigError:
    return ConfigError(
        where, expected="a YAML mapping of field: value", got=got, todo="Correct the file."
    )


def unknown(kind: str, name: str, known: Iterable[str], todo: str = "") -> ConfigError:
    """Return the error about an unknown name, with the known names and the most similar one."""
    known = list(known)
    near = difflib.get_close_matches(cut(name), known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else "Take one of these. "
    expected = f"one of {listed(known, MOST_NAMES)}"
    return ConfigError(kind, expected=expected, got=quoted(name), todo=hint + todo)


def from_validation(error: ValidationError, where: str) -> ConfigError:
    """Turn the first error of pydantic's validation into one line."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or where
    what = field if field == where else f"{where}, {field}"
    if first["type"] == "extra_forbidden":
        return ConfigError(
            what,
            expected="a known field",
            got=quoted(field),
            todo="Remove it or correct its name.",
        )
    missing = first["type"] == "missing"
    expected = "a value" if missing else _PLAIN.get(first["type"]) or _said(first)
    got = "nothing" if missing else quoted(first["input"])
    todo = _IN_QUOTES if first["type"] == "string_type" else "Correct the value."
    return ConfigError(what, expected=expected, got=got, todo=todo)


def _said(complaint: Any) -> str:
    """Return what pydantic expected, with bounds formatted for people."""
    words = {"ge": "greater than or equal to", "gt": "greater than", "lt": "less than"}
    words |= {"le": "less than or equal to"}
    for key, value in (complaint.get("ctx") or {}).items():
        if key in words and isinstance(value, int | float):
            return (
                f"{words[key]} {value:,}" if isinstance(value, int) else f"{words[key]} {value:g}"
            )
    said: str = complaint["msg"]
    return said.removeprefix("Input should be ").removeprefix("Value error, ")


def read_pins(path: Path) -> dict[str, str]:
    """Return the packages pinned in ``conda.yaml``, as a mapping from name to version."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    (pins,) = [entry["pip"] for entry in document["dependencies"] if isinstance(entry, dict)]
    return dict(pin.split("==") for pin in pins)
