"""Threads of a model on the CPU: small models train with one, large ones with all there are.

The threads of an operation wait for each other at its end. For a small model this wait takes longer
than the work that is shared, and it becomes a hundred times longer when another program has the
core of one of them (docs/benchmarks.md, *Threads*).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

# Importing torch takes seconds, and the rule does not need it.
if TYPE_CHECKING:
    from torch import nn

LARGE = 8_000_000
"""Number of parameters from which a model gains from several threads."""


def threads_of(n_params: int, available: int) -> int:
    """Return the number of threads with which a model of a size is trained.

    Parameters
    ----------
    n_params : int
        Number of parameters of the model.
    available : int
        Threads that this process may use.

    Examples
    --------
    >>> threads_of(2_000_000, available=16), threads_of(20_000_000, available=16)
    (1, 16)
    """
    return available if n_params >= LARGE else 1


def default_threads(model: nn.Module) -> int:
    """Return `threads_of` a model, out of the threads that torch has at present."""
    import torch

    n_params = sum(weight.numel() for weight in model.parameters())
    return threads_of(n_params, torch.get_num_threads())


@contextmanager
def using_threads(n_threads: int) -> Iterator[None]:
    """Let torch use a number of threads within the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
