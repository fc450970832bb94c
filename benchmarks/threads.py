"""Threads of one model: samples a second with one and with all, alone and beside busy processes.

    .venv/bin/python benchmarks/threads.py [seconds a measurement]

Steps of `fit` (forward, backward, clip, AdamW) in batches of 64, in turns A B A B within one
process, with threads that sleep while they wait. The last column is what the rule of
`finscale.training` takes, against the fair share: the faster way alone, times the share of
the cores that a process can have beside the busy ones. Tables for docs/benchmarks.md.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.pop("OMP_NUM_THREADS", None)

import torch

from finscale.model import Architecture, PatchTST, count_params
from finscale.training.machine.threads import threads_of, using_threads

BATCH, ROUNDS = 64, 3
SHAPES = {
    "32K": (32, 3, 2),
    "200K": (64, 6, 4),
    "1.2M": (192, 4, 8),
    "1.8M, 96 layers": (48, 96, 4),
    "3.2M": (256, 6, 8),
    "5.3M": (256, 10, 8),
    "12.8M": (512, 6, 8),
}
HEAD = "| model | parameters | busy | one thread | {} threads | ratio | rule / fair share |"


def main(seconds: float) -> None:
    n_cores = len(os.sched_getaffinity(0))
    print(f"{HEAD.format(n_cores)}\n{'|---' * 7}|", flush=True)
    fair: dict[str, float] = {}
    for n_busy in (0, n_cores):
        with busy(n_busy):
            for name, shape in SHAPES.items():
                print(row(name, shape, n_busy, n_cores, seconds, fair), flush=True)


def row(
    name: str,
    shape: tuple[int, int, int],
    n_busy: int,
    n_cores: int,
    seconds: float,
    fair: dict[str, float],
) -> str:
    """Measure one model; remember its best rate alone in `fair`."""
    width, depth, heads = shape
    arch = Architecture(
        n_channels=25, d_model=width, n_layers=depth, n_heads=heads, d_ff=2 * width, dropout=0.1
    )
    size = count_params(arch).total
    rates: dict[int, list[float]] = {1: [], n_cores: []}
    for _ in range(ROUNDS):
        for n_threads in rates:
            rates[n_threads].append(rate(arch, n_threads, seconds))
    one, all_ = (statistics.median(found) for found in rates.values())
    fair.setdefault(name, max(one, all_))
    taken = {1: one, n_cores: all_}[threads_of(size, n_cores)]
    # One thread has a core of its own where there is one; else its share of all of them.
    share = min(1.0, n_cores / (n_busy + 1)) if threads_of(size, n_cores) == 1 else 0.5
    against = taken / (fair[name] * (share if n_busy else 1.0))
    return (
        f"| {name} | {size:,} | {n_busy} | {one:,.0f} | {all_:,.0f} | {all_ / one:.2f} "
        f"| {against:.2f} |"
    )


def rate(arch: Architecture, n_threads: int, seconds: float) -> float:
    """Return samples a second of training steps."""
    torch.manual_seed(1)
    model = PatchTST(arch)
    x_BLC = torch.randn(BATCH, arch.context_length, arch.n_channels)
    optimiser = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        model(x_BLC).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    with using_threads(n_threads):
        step()
        began, n_steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds or n_steps < 2:
            step()
            n_steps += 1
        return n_steps * BATCH / (time.perf_counter() - began)


def spin() -> None:
    while True:
        pass


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Keep `n` other processes busy within the block."""
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(n)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.terminate()


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 2.0)
