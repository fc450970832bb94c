"""Parser of the command line: options become a frozen config, and a mistake becomes one line."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from finscale.config.budget import format_budget
from finscale.config.errors import ConfigError, cut, quoted
from finscale.config.files import from_validation

Config = TypeVar("Config", bound=BaseModel)

SEARCHED = "search"
"""Value of an option that is not pinned: the search chooses it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            "command line",
            expected="--parameter value pairs",
            got=message,
            todo=f"See {self.prog} --help.",
        )


def option_names(config: type[BaseModel]) -> list[str]:
    """Return the fields that a user may set: those with a description."""
    return [name for name, field in config.model_fields.items() if field.description]


def parse(config: type[Config], argv: Sequence[str], prog: str) -> Config:
    """Parse ``--parameter value`` or ``--parameter=value`` into a `config`.

    Raises
    ------
    ConfigError
        If a parameter is unknown, or the config refuses its value.
    """
    parser = _Parser(prog=prog, description=config.__doc__, allow_abbrev=False)
    for name in option_names(config):
        field = config.model_fields[name]
        help_text = f"{field.description} (default: {field.default})".replace("%", "%%")
        parser.add_argument(f"--{name}", metavar="VALUE", default=argparse.SUPPRESS, help=help_text)
    values, rest = parser.parse_known_args(list(argv))
    if rest:
        raise _undeclared(rest[0], option_names(config))
    try:
        return config.model_validate(vars(values))
    except ValidationError as error:
        raise from_validation(error, "parameters") from None


def options(config: BaseModel) -> dict[str, str]:
    """Return the options of a config as text, spelled as a user would write them."""
    return {name: _written(name, getattr(config, name)) for name in option_names(type(config))}


def _written(name: str, value: Any) -> str:
    if name == "budget":
        return format_budget(value)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return SEARCHED
    if isinstance(value, Path):  # first, because a path also has a `name`: its last part
        return str(value)
    return str(getattr(value, "name", value))


def _undeclared(argument: str, names: list[str]) -> ConfigError:
    name = argument.lstrip("-").partition("=")[0]
    near = difflib.get_close_matches(cut(name), names, n=1, cutoff=0.5)
    todo = f"Did you mean {near[0]}?" if near else "Remove it."
    return ConfigError(
        "parameter", expected=f"one of {', '.join(names)}", got=quoted(name), todo=todo
    )
