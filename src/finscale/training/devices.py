"""Devices for training: their choice, memory and speed."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from typing import TYPE_CHECKING

import psutil

from finscale.config import ConfigError
from finscale.model import Architecture, count_params, forward_flops

# torch takes seconds to import, so it is imported only in the functions that need it.
if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """Return the device for "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    ConfigError
        If this machine does not have the device.
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
            todo="Leave -P device out to use the best available device.",
        )
    return torch.device(name)


def available_memory_bytes(device: torch.device) -> int:
    """Return the memory in bytes that is still available to a model on `device`."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak memory use so far in bytes: of the device, or on the CPU of this process."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def measure_flops_per_second(
    arch: Architecture,
    batch_size: int,
    device: torch.device,
    *,
    at_most_s: float = 2.0,
    n_params: int | None = None,
) -> float:
    """Measure the floating-point rate of training by a few steps of a temporary model of `arch`.

    Parameters
    ----------
    n_params : int, optional
        Number of parameters of the model that `arch` stands for, which decides the number of
        threads; by default that of `arch`.
    """
    import torch

    from finscale.model import PatchTST
    from finscale.training.threads import threads_of, using_threads

    n_threads = threads_of(n_params or count_params(arch).total, torch.get_num_threads())
    # Dropout must not change later random draws.
    with torch.random.fork_rng(devices=[]), using_threads(n_threads):
        model = PatchTST(arch).to(device)
        x_BLC = torch.randn(batch_size, arch.context_length, arch.n_channels, device=device)
        optimiser = torch.optim.AdamW(model.parameters())

        def step() -> float:
            started = time.perf_counter()
            loss = model(x_BLC).square().mean()  # any loss: its cost is negligible
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            float(loss.detach())  # wait for the accelerator
            return time.perf_counter() - started

        seconds = [step()]  # the first step also allocates: it counts only if it is the only one
        while sum(seconds) < at_most_s and len(seconds) < 20:
            seconds.append(step())
    typical = statistics.median(seconds[1:] or seconds)
    return 3 * forward_flops(arch) * batch_size / typical
