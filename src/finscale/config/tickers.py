"""Checks of tickers, which also have to be valid file names on every operating system."""

from __future__ import annotations

import re
from collections.abc import Iterable

from finscale.config.errors import ConfigError

MAX_LENGTH = 32
_TICKER = re.compile(r"\^*[A-Za-z0-9][A-Za-z0-9^=._-]*", re.ASCII)
# Windows opens a device for these, whatever extension follows.
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.ASCII | re.IGNORECASE)


def file_stem(ticker: str) -> str:
    """Return the ticker as the name of a file, without the ^ of an index."""
    return ticker.replace("^", "")


def check_ticker(ticker: str, where: str) -> None:
    """Refuse a ticker that is not a valid file name on every operating system.

    Raises
    ------
    ConfigError
        If it is a path or the name of a device, ends with a dot, or has more than 32 characters.
    """
    fits = len(ticker) <= MAX_LENGTH and _TICKER.fullmatch(ticker) and not ticker.endswith(".")
    if not fits or _DEVICE.fullmatch(file_stem(ticker)):
        shown = ticker if len(ticker) <= 2 * MAX_LENGTH else f"{ticker[:MAX_LENGTH]}..."
        raise ConfigError(
            where,
            expected=f"tickers of letters, digits and ^ = . _ -, {MAX_LENGTH} at most, "
            "a letter or a digit first (or after ^), not the name of a device",
            got=repr(shown) + (f" ({len(ticker)} characters)" if shown != ticker else ""),
            todo="Correct the ticker: it becomes a file name.",
        )


def check_file_names(tickers: Iterable[str], where: str) -> None:
    """Refuse two tickers that would share a file, such as ABC and ^ABC, or ABC and abc."""
    taken: dict[str, str] = {}
    for ticker in tickers:
        stem = file_stem(ticker).lower()
        if stem in taken:
            other = taken[stem]
            raise ConfigError(
                where,
                expected="tickers whose files have different names",
                got=f"{other} and {ticker}" if other != ticker else f"{ticker} twice",
                todo="Remove one of them.",
            )
        taken[stem] = ticker
