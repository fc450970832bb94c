"""Where training runs, what memory there is, and how fast it goes."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from typing import TYPE_CHECKING

import psutil

from finscale.config import ConfigError
from finscale.model import Architecture, forward_flops

# torch takes seconds to import: what only names these functions does not wait for it.
if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "mps" into a device that is there.

    Raises
    ------
    ConfigError
        If the device that was asked for is not there.
    """
    import torch

    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there.get(name):
        raise ConfigError(
            "device",
            expected=f"one of {', '.join(kind for kind in there if there[kind])} on this machine",
            got=repr(name),
            todo="Leave -P device out to take the best there is.",
        )
    return torch.device(name)


def available_memory_bytes(device: torch.device) -> int:
    """Return the memory that a model on `device` can still take."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory in use so far: of the device, or of this process on the CPU."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def measure_flops_per_second(
    arch: Architecture, batch_size: int, device: torch.device, *, at_most_s: float = 2.0
) -> float:
    """Train a throw-away model of `arch` for a moment; return its floating-point rate."""
    import torch

    from finscale.model import PatchTST

    with torch.random.fork_rng(devices=[]):  # dropout draws too: later draws must not feel it
        model = PatchTST(arch).to(device)
        x_BLC = torch.randn(batch_size, arch.context_length, arch.n_channels, device=device)
        optimiser = torch.optim.AdamW(model.parameters())

        def step() -> float:
            started = time.perf_counter()
            loss = model(x_BLC).square().mean()  # what it costs is not in the loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            float(loss.detach())  # waits for an accelerator
            return time.perf_counter() - started

        seconds = [step()]  # the first one also allocates: it counts only where it is the only one
        while sum(seconds) < at_most_s and len(seconds) < 20:
            seconds.append(step())
    typical = statistics.median(seconds[1:] or seconds)
    return 3 * forward_flops(arch) * batch_size / typical
