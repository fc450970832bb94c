"""Precision of the arithmetic in training: what a device can do, and how a model is run in it.

With bfloat16, matrix products are computed from operands of 16 bits, and everything else as
PyTorch's autocast decides. Weights, gradients and the optimiser stay float32 (Micikevicius et al.
2018, "Mixed precision training"; bfloat16 has the exponents of float32, so no loss is scaled).
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from finscale.config import AskedPrecision, ConfigError, Precision
from finscale.training.machine.devices import pick_device

# torch takes seconds to import, so it is imported only in the functions that need it.
if TYPE_CHECKING:
    import torch

PROBE_SIZE, PROBE_REPEATS = 512, 9
FASTER = 1.2
"""Speed of a bfloat16 matrix product, relative to float32, from which it is not emulated: with
units for it, it is about twice as fast."""


def resolve_precision(asked: AskedPrecision, device_name: str) -> Precision:
    """Return the precision in which a model is trained: what is asked, or the device's own.

    Parameters
    ----------
    asked : str
        "auto" means bfloat16 on CUDA devices that have units for it, and float32 elsewhere.
    device_name : str
        Name of the device as the user gave it: "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    ConfigError
        If the device must be known and is absent.

    Notes
    -----
    Results that are stored must be found on a machine that could not compute them. So this
    function does not refuse a precision; `check_precision` does, before a training.

    Examples
    --------
    >>> resolve_precision("auto", "cpu")
    'float32'
    """
    if asked != "auto":
        return asked
    # Where no NVIDIA driver is, the answer is known without torch.
    if device_name in ("cpu", "mps") or not has_nvidia_driver():
        return "float32"
    device = pick_device(device_name)
    return "bfloat16" if device.type == "cuda" and has_bfloat16(device) else "float32"


def check_precision(asked: AskedPrecision, device: torch.device) -> None:
    """Refuse bfloat16 on a device that only emulates it.

    Raises
    ------
    ConfigError
        If bfloat16 is asked for there.
    """
    if asked == "bfloat16" and not has_bfloat16(device):
        raise ConfigError(
            "precision",
            expected="auto or float32",
            got=f"bfloat16, which {device.type} on this machine emulates: slower than float32",
            todo="Leave -P precision out to train with what the device is fast at.",
        )


def has_nvidia_driver() -> bool:
    """Return True if this machine has a driver for NVIDIA devices."""
    if Path("/proc/driver/nvidia").exists():
        return True
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


@cache
def has_bfloat16(device: torch.device) -> bool:
    """Return True if a device multiplies matrices of bfloat16 in hardware."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # Not every version of torch tells what the CPU has, and none tells it of other than x86.
    told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    units = [told[name] for name in ("avx512_bf16", "amx_bf16") if name in told]
    return any(units) if units else bfloat16_speed() >= FASTER


def bfloat16_speed() -> float:
    """Measure how fast the CPU multiplies matrices of bfloat16, relative to float32."""
    import torch

    def seconds(dtype: torch.dtype) -> float:
        square = torch.ones(PROBE_SIZE, PROBE_SIZE, dtype=dtype)
        taken = []
        for _ in range(PROBE_REPEATS):
            started = time.perf_counter()
            square @ square
            taken.append(time.perf_counter() - started)
        return min(taken)

    return seconds(torch.float32) / seconds(torch.bfloat16)


@contextmanager
def autocast(device_type: str, precision: Precision) -> Iterator[None]:
    """Let a model compute in a precision within the block; at float32 nothing is changed."""
    import torch

    if precision == "float32":
        yield
        return
    # Each weight is used once, so a cache of its copy would only keep memory (and it is wrong when
    # the block is captured in a CUDA graph).
    with torch.autocast(device_type, torch.bfloat16, cache_enabled=False):
        yield


@contextmanager
def tf32_products(device_type: str) -> Iterator[None]:
    """Let CUDA multiply float32 matrices in TF32 within the block, forward and backward.

    TF32 keeps 10 of the 23 bits of the fraction and is several times as fast. On other devices the
    setting would mean something else, and nothing is changed.
    """
    import torch

    if device_type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
