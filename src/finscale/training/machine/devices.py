"""Devices for training: their choice and memory."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

import psutil

from finscale.config import ConfigError

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


def release_memory(device: torch.device) -> None:
    """Give memory back that torch keeps for later use on an accelerator."""
    if device.type == "cuda":
        import torch

        torch.cuda.empty_cache()
