"""Detection of a full disk, which becomes one line for the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from finscale.config.errors import FinscaleError, StoreError

_SAYS = ("database or disk is full", "No space left on device")


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, or one of its causes, comes from a full disk."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    cause = error.__cause__ or error.__context__
    said = any(text in str(error) for text in _SAYS)
    return full or said or (cause is not None and is_disk_full(cause))


@contextmanager
def disk_watched(resume: str = "") -> Iterator[None]:
    """Turn an error from a full disk into one line, with the command that continues, if known.

    A `FinscaleError` stays as it is, unless it comes from the store, which knows no command.

    Parameters
    ----------
    resume : str
        The command that continues the work, where it is known.

    Raises
    ------
    StoreError
        If the disk is full.
    """
    try:
        yield
    except Exception as error:
        says_enough = isinstance(error, FinscaleError) and not (
            resume and isinstance(error, StoreError)
        )
        if says_enough or not is_disk_full(error):
            raise
        raise StoreError(
            "disk",
            expected="room for the tracking store, its artifacts, data and checkpoints",
            got="none left",
            todo=f"Free some, then {f'go on: {resume}' if resume else 'give the same line again.'}",
        ) from error
