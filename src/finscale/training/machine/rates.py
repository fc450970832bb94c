"""The rate at which a device multiplies matrices: what a training could reach at most."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from finscale.config import Precision

if TYPE_CHECKING:
    import torch

ONE_THREAD, THREADS, ACCELERATOR = 512, 1024, 4096
"""Widths of the square matrices: with one thread, with several, and on an accelerator."""
N_TIMES = 5


def matrix_flops_per_second(device: torch.device, precision: Precision) -> float:
    """Measure the rate of large matrix products in FLOP/s, with the threads that torch now uses.

    It is measured within milliseconds, once in a process for each device, precision and number of
    threads.
    """
    import torch

    return _measured(device, precision, torch.get_num_threads() if device.type == "cpu" else 0)


@cache
def _measured(device: torch.device, precision: Precision, n_threads: int) -> float:
    """Return the best rate of several products, since other programs can only slow one down."""
    import torch

    width = ACCELERATOR if not n_threads else ONE_THREAD if n_threads == 1 else THREADS
    draw = torch.Generator(device).manual_seed(0)  # later draws of a training stay as they are
    both = torch.rand(2, width, width, generator=draw, device=device)
    left, right = both.to(torch.bfloat16 if precision == "bfloat16" else torch.float32)

    def seconds() -> float:
        began = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the accelerator
        return time.perf_counter() - began

    seconds()  # the first product also loads the library
    return float(2 * width**3) / min(seconds() for _ in range(N_TIMES))
