"""Trainings that end early: the cause, and how their runs are closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum, auto

from finscale.config import (
    FinscaleError,
    LostError,
    StoreError,
    ThermalError,
    is_disk_full,
    was_stopped,
)
from finscale.tracking import LeaseLostError, Run, Status, end_of


class Fault(Enum):
    """Cause of an early end of a training."""

    OUTSIDE = auto()
    """A stop, an unreachable store, a full disk, heat, or a process that died. The same run can be
    resumed later."""
    USER = auto()
    """Wrong options or data. Every other training would end in the same way."""
    TRAINING = auto()
    """This configuration, or a bug of this project. Another training may succeed."""


def fault_of(error: BaseException) -> Fault:
    """Return the cause of an early end, by the type of its error."""
    is_stop = isinstance(error, KeyboardInterrupt) or was_stopped()
    if is_stop or isinstance(error, LostError | StoreError | ThermalError) or is_disk_full(error):
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
    with _closing([run], leave):
        yield


@contextmanager
def closing_all(open_runs: Sequence[Run]) -> Iterator[None]:
    """Close several runs when an error ends the block before they have ended.

    Parameters
    ----------
    open_runs : sequence of Run
        The runs that have not ended; the caller removes a run once it has.
    """
    with _closing(open_runs):
        yield


@contextmanager
def _closing(
    open_runs: Sequence[Run], leave: Callable[[str], None] | None = None
) -> Iterator[None]:
    try:
        yield
    except LeaseLostError as error:
        for run in open_runs:
            with suppress(StoreError):
                run.check_held()  # the lost one is left to the process that holds it
                _close(run, error, leave or run.interrupt)
        raise
    except (Exception, KeyboardInterrupt) as error:
        for run in open_runs:
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
