"""Errors for users: one line instead of a traceback."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import Any

_MOST_OF_A_VALUE = 100
_MOST_OF_A_WORD = 400
_MOST_OF_A_PART = 1_500
_MOST_OF_A_COMMAND = 20_000
_FIRST = 5
# Characters that move a terminal's cursor, ring its bell, colour, or write from right to left.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_LONG_WORD = re.compile(rf"\S{{{_MOST_OF_A_WORD + 1},}}")


class _Short(reprlib.Repr):
    """Python's repr of the beginning of a value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = 3, _FIRST, _FIRST, _FIRST
        self.maxstring = self.maxother = self.maxlong = _MOST_OF_A_VALUE

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python writes no more than 4,300 digits
            return f"a number of {x.bit_length():,} bits"


def quoted(value: Any) -> str:
    """Quote a value as Python writes it; of a long value, only the beginning.

    >>> quoted("20X"), quoted([1, 2, 3, 4, 5, 6, 7])
    ("'20X'", '[1, 2, 3, 4, 5, ...]')
    """
    if isinstance(value, str) and len(value) > _MOST_OF_A_VALUE:
        return f"{value[:_MOST_OF_A_VALUE]!r}... ({len(value):,} characters)"
    return cut(_Short().repr(value), 5 * _MOST_OF_A_VALUE)


def cut(text: str, most: int = _MOST_OF_A_VALUE) -> str:
    """Return a short text as it is, and of a long one the beginning and the length.

    >>> cut("abcdefgh", 3)
    'abc... (8 characters)'
    """
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def listed(names: Sequence[object], most: int = _FIRST) -> str:
    """Join the first few names with commas, and say how many more there are.

    >>> listed(["a", "b"]), listed("abcdefgh")
    ('a, b', 'a, b, c, d, e and 3 more')
    """
    shown = ", ".join(cut(str(name)) for name in names[:most])
    left = len(names) - most
    return f"{shown} and {left:,} more" if left > 0 else shown


def printable(text: str) -> str:
    r"""Escape control characters as Python writes them; line breaks stay.

    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class FinscaleError(Exception):
    """Base class of the errors that a user sees as one line of readable length.

    Parameters
    ----------
    what : str
        The thing that is wrong: a parameter, a file, a run.
    expected, got : str
        The right value, and the value that was found instead.
    todo : str
        Advice to the user. It may hold a command, whose words are not cut.

    Examples
    --------
    >>> from finscale.config import FinscaleError, parse_budget
    >>> try:
    ...     parse_budget("20X")
    ... except FinscaleError as error:
    ...     print(error.line)
    budget: expected a number of parameters such as 500K, 2.5M, 20M or 2B; got '20X'.
    Pass for example -P budget=20M.
    """

    def __init__(self, what: str, *, expected: str, got: str, todo: str) -> None:
        got = _bounded(got.removesuffix("."))
        line = f"{_bounded(what)}: expected {_bounded(expected)}; got {got}. "
        line += cut(todo, _MOST_OF_A_COMMAND)
        super().__init__(printable(" ".join(line.split())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how the error is made again in another process: of its line, not of its parts."""
        return _again, (type(self), self.line), self.__dict__

    @property
    def line(self) -> str:
        """The message, as it is printed and written into the run's note."""
        return str(self)


def _again(kind: type[FinscaleError], line: str) -> FinscaleError:
    return kind.__new__(kind, line)


def _bounded(text: str) -> str:
    """Cut overlong words, then the text itself if it is still too long."""
    return cut(_LONG_WORD.sub(lambda found: cut(found[0]), text), _MOST_OF_A_PART)


class ConfigError(FinscaleError):
    """A parameter or a file under ``configs/`` is wrong."""


class DataError(FinscaleError):
    """Market data is missing, malformed, or differs from its manifest."""


class StoreError(FinscaleError):
    """The tracking store does not answer, or lacks a run or file that is needed."""


class ThermalError(FinscaleError):
    """The machine is too hot to train on; the same command continues when it is cooler."""


class LostError(FinscaleError):
    """A process that had a part in a training has died; the same command goes on with it."""


class RefusedError(FinscaleError):
    """A cell is below a floor: it is counted as refused and not trained."""
