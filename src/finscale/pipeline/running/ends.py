"""Trainings that end early: the cause, and how their runs are closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum, auto

from finscale.config import FinscaleError, StoreError, ThermalError, is_disk_full, was_stopped
from finscale.tracking import LeaseLostError, Run, Status, end_of


class Fault(Enum):
    """Cause of an early end of a training."""

    OUTSIDE = auto()
    """A stop, an unreachable store, a full disk or heat. The same run can be resumed later."""
    USER = auto()
    """Wrong options or data. Every other training would end in the same way."""
    TRAINING = auto()
    """This configuration, or a bug of this project. Another training may succeed."""


def fault_of(error: BaseException) -> Fault:
    """Return the cause of an early end, by the type of its error."""
    is_stop = isinstance(error, KeyboardInterrupt) or was_stopped()
    if is_stop or isinstance(error, StoreError | ThermalError) or is_disk_full(error):
        return Fault.OUTSIDE
    return Fault.USER if isinstance(error, FinscaleError) else Fault.TRAINING


@contextmanager
def closing(run: Run, leave: Callable[[str], None] | None = None) -> Iterator[None]:
    """Close a run when an error ends the block before the run has ended.

    A run that another process has taken over is left open.

    Parameters
    ----------
    leave : callable, optional
        Closes a run that can be resumed; called with the reason. By default `run.interrupt`.
    """
    try:
        yield
    except LeaseLostError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        with suppress(StoreError):  # the store may still be unreachable
            _close(run, error, leave or run.interrupt)
        if was_stopped() and not isinstance(error, KeyboardInterrupt | StoreError):
            # A library has turned the interrupt into an error of its own.
            raise KeyboardInterrupt from error
        raise


def _close(run: Run, error: BaseException, leave: Callable[[str], None]) -> None:
    if fault_of(error) is not Fault.OUTSIDE:
        # "Refused" is a status of cells only: a training of such a cell has failed.
        run.close(replace(end_of(error), status=Status.FAILED))
    else:
        leave(_why_left(error))


def _why_left(error: BaseException) -> str:
    """Return the reason why a run was left to be resumed later."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if is_disk_full(error):
        return "disk"
    if isinstance(error, ThermalError):
        return "thermal"
    return "store" if isinstance(error, StoreError) else "interrupted"
