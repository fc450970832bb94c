"""Ranks: the processes that train one model together, each on a device or on a part of the CPU.

Every rank does the same steps in the same order. Wherever each would decide for itself (when to
stop, when to write a checkpoint), the first rank decides for all. Otherwise they would wait for
each other for ever.

Legend: `B` batch, `b` a rank's part of it, `N` samples, `K` outputs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn

from finscale.training.machine.devices import available_memory_bytes

PATIENCE = timedelta(days=7)
"""How long ranks wait for each other. A rank that dies is noticed at once by the process that has
started them; a laptop may sleep, and a hot machine may pause."""


@dataclass(frozen=True)
class Ranks:
    """The ranks of a training, as one of them sees them.

    Attributes
    ----------
    number : int
        Number of this rank; the first has 0.
    count : int
        Number of all ranks.
    """

    number: int
    count: int

    @property
    def is_first(self) -> bool:
        """True in the rank that decides, reports and writes files."""
        return self.number == 0

    def share(self, which_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return which_b and weights_b: this rank's part of the samples of a batch.

        All parts have the same size. What is missing in the last ones is filled with samples of
        weight 0.
        """
        n, size = len(which_B), -(-len(which_B) // self.count)
        missing = size * self.count - n
        filled = torch.cat([which_B, which_B[:1].expand(missing)])
        weights = torch.ones(len(filled), device=which_B.device)
        weights[n:] = 0.0
        mine = slice(self.number * size, (self.number + 1) * size)
        return filled[mine], weights[mine]

    def total(self, number: Tensor) -> Tensor:
        """Return the sum of a number over all ranks."""
        added = number.clone()
        distributed.all_reduce(added)
        return added

    def collected(self, outputs_bK: Tensor, n: int) -> Tensor:
        """Return outputs_NK of all ranks, in order and without those that fill the last parts."""
        outputs_bK = outputs_bK.contiguous()
        parts = [torch.empty_like(outputs_bK) for _ in range(self.count)]
        distributed.all_gather(parts, outputs_bK)
        return torch.cat(parts)[:n]

    def agreed(self, answer: int) -> int:
        """Return the answer of the first rank."""
        told = torch.tensor(answer)
        distributed.broadcast(told, src=0)
        return int(told)

    def wait(self) -> None:
        """Wait until every rank is here."""
        distributed.all_reduce(torch.zeros(()))

    def free_bytes(self, device: torch.device) -> int:
        """Return the free memory of each rank's device; on the CPU, they share what there is."""
        there = available_memory_bytes(device)
        least = torch.tensor(there // self.count if device.type == "cpu" else there)
        distributed.all_reduce(least, distributed.ReduceOp.MIN)
        return int(least)

    def seed(self, *numbers: int) -> int:
        """Return a seed of this rank's own that depends on some numbers."""
        drawn = np.random.SeedSequence([self.number, *numbers]).generate_state(1, np.uint64)
        return int(drawn[0])


def is_sharded(model: nn.Module) -> bool:
    """Tell whether each rank holds only a shard of the weights of a model."""
    return any(is_shard(weight) for weight in model.parameters())


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor whose shards may be on all ranks; all of them must call."""
    full: Tensor = tensor.full_tensor() if is_shard(tensor) else tensor  # type: ignore[attr-defined]
    return full


def is_shard(tensor: Tensor) -> bool:
    """Tell whether this rank holds only a shard of a tensor."""
    return hasattr(tensor, "full_tensor")  # its class takes a second to import


@contextmanager
def joined(number: int, count: int, meeting: Path, device: torch.device) -> Iterator[Ranks]:
    """Join the other ranks within the block.

    Parameters
    ----------
    meeting : Path
        A file by which the ranks of this machine find each other; it does not exist yet.
    """
    # Without a name, gloo asks the network for this machine's own, which may be unknown there.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
        store=distributed.FileStore(str(meeting), count),  # type: ignore[attr-defined]
        rank=number,
        world_size=count,
        timeout=PATIENCE,
    )
    yield Ranks(number, count)
    distributed.destroy_process_group()
