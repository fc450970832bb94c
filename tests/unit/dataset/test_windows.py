"""Windows end at their position and reach back from it."""

from __future__ import annotations

import numpy as np
import pytest

from finscale.dataset import take_windows, window_positions


def test_windows_end_at_their_position() -> None:
    values = np.arange(22).reshape(11, 2)
    windows = take_windows(values, np.array([2, 10]), 3)
    assert windows.tolist() == [
        [[0, 1], [2, 3], [4, 5]],
        [[16, 17], [18, 19], [20, 21]],
    ]
    assert windows.flags.c_contiguous
    windows[0] = 7
    assert values[0, 0] == 0


def test_shape_and_type_are_kept() -> None:
    values = np.zeros((101, 5), dtype=np.float32)
    windows = take_windows(values, np.arange(12, 43), 13)
    assert windows.shape == (31, 13, 5)
    assert windows.dtype == np.float32
    assert take_windows(values, np.arange(0), 13).shape == (0, 13, 5)


def test_rows_of_the_windows() -> None:
    assert window_positions(np.array([4, 3]), 4).tolist() == [[1, 2, 3, 4], [0, 1, 2, 3]]
    assert window_positions(np.array([5]), 1).tolist() == [[5]]


def test_a_window_may_not_wrap_around_the_start() -> None:
    with pytest.raises(AssertionError, match="before row 0"):
        window_positions(np.array([7, 2]), 4)
