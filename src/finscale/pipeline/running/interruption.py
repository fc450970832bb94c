"""What ends a training: a stop of the user's, the store, or a failure and its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from finscale.config import StoreError, was_stopped
from finscale.tracking import LeaseLostError


@contextmanager
def put_aside(leave: Callable[[str], None]) -> Iterator[None]:
    """Leave a run to be gone on with, where the block ends before the run's own end.

    Parameters
    ----------
    leave : callable
        Closes the run without a result; told the reason. It is not called for a run that another
        process has taken over, which is that one's now.
    """
    try:
        yield
    except KeyboardInterrupt:
        leave("interrupted")
        raise
    except LeaseLostError:
        raise
    except StoreError:
        with suppress(StoreError):  # the store may still be away
            leave("store")
        raise
    except Exception as error:
        if not was_stopped():
            raise
        leave("interrupted")  # a library that was interrupted has made another error of it
        raise KeyboardInterrupt from error


def failure_reason(error: Exception) -> str:
    """Name why a run failed."""
    # By its name: torch, whose error it is, takes seconds to import.
    is_ours = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return "out_of_memory" if is_ours or "not enough memory" in str(error) else "error"
