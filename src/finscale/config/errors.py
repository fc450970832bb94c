"""What a user sees when something is wrong: one line, never a traceback."""

from __future__ import annotations


class FinscaleError(Exception):
    """A mistake of the user, said in one line.

    Parameters
    ----------
    what : str
        The thing that is wrong: a parameter, a file, a run.
    expected, got : str
        What would have been right, and what was there instead.
    todo : str
        What the user can do about it.
    """

    def __init__(self, what: str, *, expected: str, got: str, todo: str) -> None:
        line = f"{what}: expected {expected}; got {got.removesuffix('.')}. {todo}"
        super().__init__(" ".join(line.split()))

    @property
    def line(self) -> str:
        """The message as it is printed and written into the run's note."""
        return str(self)


class ConfigError(FinscaleError):
    """A parameter or a file under ``configs/`` is wrong."""


class DataError(FinscaleError):
    """Market data is missing, malformed, or not what its manifest says."""


class StoreError(FinscaleError):
    """The tracking store cannot answer, or does not hold what was asked for."""


class RefusedError(FinscaleError):
    """A cell lies below a floor: it is refused and counted, not trained."""
