"""How much memory a training step takes, and what `training_memory_bytes` predicts.

For each budget the architecture of middle cost (25 channels, 60 bars, dropout 0.1), two steps:
forward, backward, clipping and fused AdamW. On CUDA the peak is `max_memory_allocated`. On the CPU
it is the sum of all storages that are alive, without computing anything (`FakeTensorMode`), so that
2B parameters need no memory. In the second table, a process of its own
really trains, and its peak resident memory is compared.

    python benchmarks/training_memory.py               # 2M 20M 200M 2B
    python benchmarks/training_memory.py 2M 20M
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import weakref
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from finscale.config import Precision, parse_budget
from finscale.model import (
    Architecture,
    PatchTST,
    architectures,
    forward_flops,
    training_memory_bytes,
)
from finscale.training import autocast, bce_loss

BUDGETS = ("2M", "20M", "200M", "2B")
BATCHES = (1, 64, 256)
N_CHANNELS, DROPOUT, STEPS = 25, 0.1, 2
RESIDENT = ("20M", "200M")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Lets glibc give memory back at once. By default it keeps up to 0.3 GiB for later."""
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Case:
    """One training to measure."""

    arch: Architecture
    batch_size: int
    precision: Precision
    checkpointing: bool

    def predicted(self, device_type: str) -> int:
        """Return the prediction in bytes."""
        return training_memory_bytes(
            self.arch,
            self.batch_size,
            precision=self.precision,
            checkpointing=self.checkpointing,
            device_type=device_type,
        )


def middle(budget: str) -> Architecture:
    """Return the architecture of middle cost, with dropout."""
    fitting = architectures(parse_budget(budget), n_channels=N_CHANNELS)
    by_cost = sorted(fitting, key=forward_flops)
    return replace(by_cost[len(by_cost) // 2], dropout=DROPOUT)


class Training:
    """A model and its optimiser on a device."""

    def __init__(self, case: Case, device: str) -> None:
        self.case, self.device = case, device
        with torch.device(device):
            self.model = PatchTST(case.arch)
        self.model.checkpoints_layers = case.checkpointing
        self.optimiser = torch.optim.AdamW(self.model.parameters(), fused=True)

    def step(self) -> None:
        """Train on one random batch."""
        arch, n_windows, device = self.case.arch, self.case.batch_size, self.device
        self.optimiser.zero_grad(set_to_none=True)
        x_BLC = torch.randn(n_windows, arch.context_length, arch.n_channels, device=device)
        with autocast(device, self.case.precision):
            outputs_BK = self.model(x_BLC)
        bce_loss(outputs_BK.float(), torch.ones(n_windows, device=device)).mean().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


def train(case: Case, device: str) -> None:
    """Train a model for a few steps."""
    training = Training(case, device)
    for _ in range(STEPS):
        training.step()


class Peak(TorchDispatchMode):
    """Adds up the storages that operations make, until each is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, and count its results."""
        results = func(*args, **(kwargs or {}))
        for tensor in tree_iter(results):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return results

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def counted(case: Case) -> int:
    """Return the peak of all tensors that a training on the CPU allocates."""
    with FakeTensorMode(), Peak() as peak:
        train(case, "cpu")
    return peak.most


def allocated(case: Case) -> int:
    """Return the peak of the memory that is allocated on CUDA."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    train(case, "cuda")
    return int(torch.cuda.max_memory_allocated())


def resident(case: Case) -> int:
    """Return by how much a training raises the peak of this process's resident memory."""
    train(Case(middle("32K"), 2, case.precision, case.checkpointing), "cpu")  # loads kernels
    REFERENCES.write_text("5")  # the peak begins again
    before = psutil.Process().memory_info().rss
    train(case, "cpu")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 - before


def resident_elsewhere(budget: str, batch_size: int, precision: str, checkpointing: bool) -> int:
    """Return `resident` of a process of its own."""
    values = [budget, str(batch_size), precision, str(int(checkpointing))]
    line = [sys.executable, __file__, "--resident", *values]
    environment = os.environ | AT_ONCE
    done = subprocess.run(line, check=True, capture_output=True, text=True, env=environment)
    return int(done.stdout)


def cell(predicted: int, measured: int) -> str:
    return f"{predicted / 2**30:.3f} / {measured / 2**30:.3f} ({predicted / measured:.2f})"


def main_table(budgets: list[str], device: str) -> None:
    measure = allocated if device == "cuda" else counted
    print(
        "| budget | layers × width | precision | checkpointing | "
        + " | ".join(f"batch {batch_size}" for batch_size in BATCHES)
        + " |"
    )
    print("|---" * (4 + len(BATCHES)) + "|")
    for budget, precision, checkpointing in product(budgets, PRECISIONS, (False, True)):
        arch = middle(budget)
        cases = [Case(arch, batch_size, precision, checkpointing) for batch_size in BATCHES]
        cells = [cell(case.predicted(device), measure(case)) for case in cases]
        head = f"| {budget} | {arch.n_layers} × {arch.d_model} | {precision}"
        print(f"{head} | {'yes' if checkpointing else 'no'} | {' | '.join(cells)} |", flush=True)


def resident_table(budgets: list[str], batch_size: int) -> None:
    print("\n| budget | precision | checkpointing | resident memory |")
    print("|---|---|---|---|")
    for budget, precision, checkpointing in product(budgets, PRECISIONS, (False, True)):
        case = Case(middle(budget), batch_size, precision, checkpointing)
        measured = resident_elsewhere(budget, batch_size, precision, checkpointing)
        of_case = cell(case.predicted("cpu"), measured)
        said = "yes" if checkpointing else "no"
        print(f"| {budget} | {precision} | {said} | {of_case} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("budgets", nargs="*", default=BUDGETS)
    parser.add_argument("--resident", nargs=4, metavar=("BUDGET", "BATCH", "PRECISION", "0|1"))
    asked = parser.parse_args()
    if asked.resident:
        budget, batch_size, precision, checkpointing = asked.resident
        print(resident(Case(middle(budget), int(batch_size), precision, checkpointing == "1")))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}; GiB predicted / measured (ratio)\n")
    main_table(list(asked.budgets), device)
    if REFERENCES.exists():
        resident_table([budget for budget in RESIDENT if budget in asked.budgets], 256)


if __name__ == "__main__":
    main()
