"""Micro-batches: how many windows are computed at a time, so that a training fits into memory.

The batch of a step stays what the user or the search has chosen. If it does not fit, its gradients
are added up over several micro-batches. If not even one window fits, layers are checkpointed: they
keep their input only and are computed again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from finscale.config import ConfigError, Precision
from finscale.model import Architecture, count_params, training_memory_bytes

GIB = 2**30
BEST_WEIGHTS_BYTES = 4
"""Bytes per parameter for the weights of the best epoch, which a training keeps beside its own."""
SHARDED_BYTES = 20
"""Bytes per parameter of what can be sharded: weight, gradient, two moments and the best weight."""
WHOLE_BYTES = 16
"""Bytes per parameter of a layer while it is put together: weights and gradients of two layers."""


@dataclass(frozen=True)
class MicroBatch:
    """The part of a batch that is computed at a time.

    Attributes
    ----------
    size : int
        Number of windows; the last micro-batch of a batch may have fewer.
    checkpointing : bool
        Whether layers are checkpointed.
    """

    size: int
    checkpointing: bool

    def smaller(self) -> MicroBatch | None:
        """Return the next smaller one: the half, or with checkpointing; None after the last."""
        if self.size > 1:
            return replace(self, size=-(-self.size // 2))
        return None if self.checkpointing else replace(self, checkpointing=True)


def micro_batch(
    arch: Architecture,
    batch_size: int,
    precision: Precision,
    free_bytes: int,
    *,
    device_type: str = "cpu",
) -> MicroBatch:
    """Return the fastest way to compute a batch in the memory there is.

    The whole batch is tried first, then its half, its quarter and so on, down to one window; then
    the same with checkpointing.

    Parameters
    ----------
    free_bytes : int
        Memory for the whole training, including what the model has taken already.

    Raises
    ------
    ConfigError
        If not even one window fits with checkpointing.

    Examples
    --------
    >>> from finscale.model import Architecture
    >>> arch = Architecture(n_channels=25, d_model=768, n_layers=256, n_heads=8, d_ff=3072)
    >>> micro_batch(arch, 64, "float32", free_bytes=80 * 2**30)
    MicroBatch(size=64, checkpointing=False)
    >>> micro_batch(arch, 64, "float32", free_bytes=35 * 2**30)
    MicroBatch(size=8, checkpointing=False)
    """
    for checkpointing in (False, True):
        for size in _parts(batch_size):
            needed = fit_memory_bytes(
                arch,
                size,
                precision=precision,
                checkpointing=checkpointing,
                device_type=device_type,
                accumulates=size < batch_size,
            )
            if needed <= free_bytes:
                return MicroBatch(size, checkpointing)
    needed = least_memory_bytes(arch, precision, device_type)
    raise ConfigError(
        "memory",
        expected=f"{needed / GIB:.2f} GiB free on {device_type}, to train "
        f"{count_params(arch).total:,} parameters with one window at a time and checkpointing",
        got=f"{free_bytes / GIB:.2f} GiB",
        todo="Take a smaller budget, or a device with more memory.",
    )


def fit_memory_bytes(
    arch: Architecture,
    size: int,
    *,
    precision: Precision = "float32",
    checkpointing: bool = False,
    device_type: str = "cpu",
    accumulates: bool = False,
) -> int:
    """Predict the memory of a whole training in which `size` windows are computed at a time.

    Parameters
    ----------
    accumulates : bool
        Whether a batch has several micro-batches, over which gradients are added up.
    """
    step = training_memory_bytes(
        arch,
        size,
        precision=precision,
        checkpointing=checkpointing,
        device_type=device_type,
        keeps_gradients=accumulates,
    )
    return step + BEST_WEIGHTS_BYTES * count_params(arch).total


def least_memory_bytes(arch: Architecture, precision: Precision, device_type: str) -> int:
    """Return the memory below which a model cannot be trained: one window, with checkpointing."""
    return fit_memory_bytes(
        arch,
        1,
        precision=precision,
        checkpointing=True,
        device_type=device_type,
        accumulates=True,
    )


def spared_bytes(arch: Architecture, count: int) -> int:
    """Return the memory that sharding saves each of `count` devices, at least 0.

    Examples
    --------
    >>> from finscale.model import Architecture
    >>> arch = Architecture(n_channels=25, d_model=768, n_layers=256, n_heads=8, d_ff=3072)
    >>> spared_bytes(arch, 1), spared_bytes(arch, 2) // 2**30
    (0, 16)
    """
    n_params = count_params(arch).total
    shared = SHARDED_BYTES * n_params * (count - 1) // count
    return max(0, shared - WHOLE_BYTES * n_params // arch.n_layers) if count > 1 else 0


def _parts(batch_size: int) -> Iterator[int]:
    """Yield a batch size, its half, its quarter and so on, rounded up, down to 1."""
    size = batch_size
    while size > 1:
        yield size
        size = -(-size // 2)
    yield 1
