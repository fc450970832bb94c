"""Devices that train one model together: how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finscale.config import ConfigError, counted
from finscale.pipeline.running.workers import available_cores

if TYPE_CHECKING:
    import torch


def check_devices(nproc: int, device: torch.device) -> None:
    """Refuse more devices than this machine has, or on the CPU more processes than cores.

    Raises
    ------
    ConfigError
        With the number that is there.
    """
    there, what = _there(device)
    if nproc > there:
        raise ConfigError(
            "nproc",
            expected=f"at most {there}, since this machine has {counted(there, what)}",
            got=str(nproc),
            todo=f"Give -P nproc={there}, or leave it out to train each model on one device.",
        )


def _there(device: torch.device) -> tuple[int, str]:
    """Return the number of devices of a kind, and what one is called."""
    if device.type == "cpu":
        return available_cores(), "core"
    if device.type == "cuda":
        import torch

        return torch.cuda.device_count(), "CUDA device"
    return 1, f"{device.type} device"
