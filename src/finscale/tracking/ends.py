"""Ends of runs: status, reason and note, derived from the error that ended a run."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from finscale.config import FinscaleError, RefusedError, ThermalError, is_out_of_memory
from finscale.tracking.names import Status

_EARLY = "**Ended early**: "
"""Beginning of the first paragraph in the note of a run without a result."""


class StoppedError(Exception):
    """Raised within `verb_run` to leave it unfinished on purpose. The same command continues it."""


@dataclass(frozen=True)
class End:
    """The way in which a run ends.

    Attributes
    ----------
    status : Status or None
        None if the run has no result yet; the same command continues it.
    reason : str
        Value of the tag ``finscale.reason``.
    note : str
        For a run that ended early: what happened and what to do next.
    traceback : str
        Traceback of an unexpected error.
    """

    status: Status | None
    reason: str
    note: str = ""
    traceback: str = ""


def end_of(error: BaseException, resume: str = "") -> End:
    """Return the end of a run that an error has ended.

    Parameters
    ----------
    resume : str
        The command that continues the run, if it is known.
    """
    if isinstance(error, KeyboardInterrupt | StoppedError):
        return unfinished(str(error) or "interrupted", resume)
    if isinstance(error, ThermalError):
        return End(None, "thermal", error.line)
    if isinstance(error, RefusedError):
        return End(Status.REFUSED, "floor", error.line)
    if isinstance(error, FinscaleError):
        return End(Status.FAILED, "user_error", error.line)
    said = f"{type(error).__name__}, see `traceback.txt`. {_goes_on(resume)}"
    trace = "".join(traceback.format_exception(error))
    return End(Status.FAILED, _failure_reason(error), said, trace)


def unfinished(reason: str, resume: str = "") -> End:
    """Return the end of a run that has no result yet."""
    return End(None, reason, f"{reason}. {_goes_on(resume)}")


def with_end(note: str, end: str) -> str:
    """Return a note with the end of its run as the first paragraph."""
    return f"{_EARLY}{end}\n\n{without_end(note)}".strip()


def without_end(note: str) -> str:
    """Return a note as it was before the run ended early."""
    return note.partition("\n\n")[2] if note.startswith(_EARLY) else note


def _goes_on(resume: str) -> str:
    return f"Go on: `{resume}`" if resume else "The same command continues."


def _failure_reason(error: BaseException) -> str:
    """Return the reason why a run failed."""
    return "out_of_memory" if is_out_of_memory(error) else "error"
