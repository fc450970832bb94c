"""What is said never ends the work: a console that takes less gets less, a broken one nothing."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, cast

_READABLE = str.maketrans(
    {
        "×": "x",
        "±": "+/-",
        "≥": ">=",
        "≤": "<=",
        "→": "->",
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "─": "-",
        "━": "-",
        "╸": "-",
        "╺": "-",
        "·": "*",
    }
)


class _Nowhere(io.StringIO):
    """A stream of which nothing remains."""

    def write(self, text: str) -> int:
        return len(text)


class SteadyStream:
    """A text stream that fails nobody who writes to it.

    Characters that its encoding lacks are spelled, or become question marks. Once it is broken
    (a reader that has left, a terminal that is gone, a full disk) what is written goes nowhere.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: TextIO = stream or _Nowhere()

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            self._stream.write(_fitting(text, self._stream.encoding or "utf-8"))
        except (OSError, ValueError):  # a stream that somebody closed is a ValueError
            self._give_up()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write one after another."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send off what was written."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        """Write to nowhere, what waits in a buffer too: Python flushes it again when it ends."""
        lost, self._stream = self._stream, _Nowhere()
        with suppress(OSError, ValueError):
            descriptor = lost.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def steady(stream: TextIO | None) -> TextIO:
    """Return a stream that fails nobody who writes to `stream`."""
    if isinstance(stream, SteadyStream):
        return cast(TextIO, stream)
    return cast(TextIO, SteadyStream(stream))


def steady_console() -> None:
    """Let nothing that this process says end it, from here on."""
    # A closed descriptor would be given to the next file that is opened, a database say.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout, sys.stderr = steady(sys.stdout), steady(sys.stderr)


def _fitting(text: str, encoding: str) -> str:
    """Return what an encoding takes: the text itself, or its signs spelled."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_READABLE).encode(encoding, "replace").decode(encoding)
    return text
