"""Context windows: what a model sees of the bars up to a sample."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def window_positions(positions_N: NDArray[np.int64], context_length: int) -> NDArray[np.int64]:
    """Return the (N, L) rows of the windows that end at each position, itself included."""
    assert context_length >= 1
    assert positions_N.size == 0 or positions_N.min() >= context_length - 1, "window before row 0"
    return positions_N[:, None] + np.arange(1 - context_length, 1)


def take_windows(
    values_TC: NDArray[Scalar],
    positions_N: NDArray[np.int64],
    context_length: int,
) -> NDArray[Scalar]:
    """Cut the windows that end at each position, itself included.

    Parameters
    ----------
    values_TC : ndarray, shape (T, C)
    positions_N : ndarray of int64, shape (N,)
    context_length : int
        L.

    Returns
    -------
    ndarray, shape (N, L, C)
        A new contiguous array, oldest bar first.
    """
    return values_TC[window_positions(positions_N, context_length)]
