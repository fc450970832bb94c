"""Console streams that never end the work: text is simplified or dropped instead of raising."""

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
    """A stream that discards everything."""

    def write(self, text: str) -> int:
        return len(text)


class SteadyStream:
    """A text stream whose writes never raise.

    Characters that the encoding lacks are replaced by ASCII, or by question marks. Once the stream
    is broken (closed pipe, lost terminal, full disk), all further output is discarded.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: TextIO = stream or _Nowhere()

    def write(self, text: str) -> int:
        """Write the text as far as the stream can take it."""
        try:
            self._stream.write(_fitting(text, self._stream.encoding or "utf-8"))
        except (OSError, ValueError):  # a closed stream raises ValueError
            self._give_up()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines one after another."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        """Discard all output from now on, with the buffer, which Python flushes again at exit."""
        lost, self._stream = self._stream, _Nowhere()
        with suppress(OSError, ValueError):
            descriptor = lost.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def steady(stream: TextIO | None) -> TextIO:
    """Return a stream that writes to `stream` and never raises."""
    if isinstance(stream, SteadyStream):
        return cast(TextIO, stream)
    return cast(TextIO, SteadyStream(stream))


def steady_console() -> None:
    """Make standard output and standard error of this process steady, from now on."""
    # A closed descriptor would be given to the next file that is opened, for example a database.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout, sys.stderr = steady(sys.stdout), steady(sys.stderr)


def _fitting(text: str, encoding: str) -> str:
    """Return the text, with the characters that the encoding lacks replaced."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_READABLE).encode(encoding, "replace").decode(encoding)
    return text
