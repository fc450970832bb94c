"""What ends a training early: whose fault it is, and how its run is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum, auto

from finscale.config import FinscaleError, StoreError, is_disk_full, was_stopped
from finscale.tracking import LeaseLostError, Run, Status, end_of


class Fault(Enum):
    """Whose fault it is that a training ended early."""

    OUTSIDE = auto()
    """A stop, a store that is away, a full disk: the same run goes on another time."""
    USER = auto()
    """Options or data: every other training would end in the same way."""
    TRAINING = auto()
    """Its own configuration, or a mistake of ours: another training may do better."""


def fault_of(error: BaseException) -> Fault:
    """Tell by the type of an error whose fault it is."""
    is_stop = isinstance(error, KeyboardInterrupt) or was_stopped()
    if is_stop or isinstance(error, StoreError) or is_disk_full(error):
        return Fault.OUTSIDE
    return Fault.USER if isinstance(error, FinscaleError) else Fault.TRAINING


@contextmanager
def closing(run: Run, leave: Callable[[str], None] | None = None) -> Iterator[None]:
    """Close a run by what ended the block, where that came before the run's own end.

    A run that another process has taken over is left to it.

    Parameters
    ----------
    leave : callable, optional
        Closes the run without a result, in a way of its own; told the reason.
    """
    try:
        yield
    except LeaseLostError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        with suppress(StoreError):  # it may still be away
            _close(run, error, leave or run.interrupt)
        if was_stopped() and not isinstance(error, KeyboardInterrupt | StoreError):
            # A library that was interrupted has made another error of it.
            raise KeyboardInterrupt from error
        raise


def _close(run: Run, error: BaseException, leave: Callable[[str], None]) -> None:
    if fault_of(error) is not Fault.OUTSIDE:
        # Only a cell is refused: what is trained for it has failed.
        run.close(replace(end_of(error), status=Status.FAILED))
    else:
        leave(_why_left(error))


def _why_left(error: BaseException) -> str:
    """Name what a run was left for that goes on another time."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if is_disk_full(error):
        return "disk"
    return "store" if isinstance(error, StoreError) else "interrupted"
