"""Numbers in sentences."""

from __future__ import annotations

from typing import Any, get_args


def counted(number: int, thing: str, things: str = "") -> str:
    """Write a count with its noun; the plural gets an s unless `things` is given.

    >>> counted(1, "trial"), counted(2000, "trial"), counted(2, "search", "searches")
    ('1 trial', '2,000 trials', '2 searches')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def named(choices: Any) -> str:
    """List the values of a ``Literal`` in a sentence.

    >>> from typing import Literal
    >>> named(Literal["median", "none"])
    'median, none'
    """
    return ", ".join(map(str, get_args(choices)))
