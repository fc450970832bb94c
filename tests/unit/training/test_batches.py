"""The largest part of a batch that fits, and what cannot fit at all."""

from __future__ import annotations

import pytest

from finscale.config import ConfigError
from finscale.model import Architecture, count_params, training_memory_bytes
from finscale.training import MicroBatch, fit_memory_bytes, least_memory_bytes, micro_batch

ARCH = Architecture(n_channels=25, d_model=96, n_layers=7, n_heads=8, d_ff=192, dropout=0.1)
N_PARAMS = count_params(ARCH).total


def needed(size: int, batch_size: int = 67, *, checkpointing: bool = False) -> int:
    return fit_memory_bytes(ARCH, size, checkpointing=checkpointing, accumulates=size < batch_size)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (needed(67), MicroBatch(67, False)),
        (needed(67) - 1, MicroBatch(34, False)),  # halves of 67, rounded up: 34 17 9 5 3 2 1
        (needed(34) - 1, MicroBatch(17, False)),
        (needed(3), MicroBatch(3, False)),
        (needed(1), MicroBatch(1, False)),
        (needed(1) - 1, MicroBatch(3, True)),  # with checkpointing, from the whole batch down
        (needed(2, checkpointing=True), MicroBatch(2, True)),
        (needed(1, checkpointing=True), MicroBatch(1, True)),
    ],
)
def test_the_fastest_way_that_fits_is_taken(free: int, expected: MicroBatch) -> None:
    assert micro_batch(ARCH, 67, "float32", free) == expected


def test_what_does_not_fit_at_all_is_refused_with_both_numbers() -> None:
    least = least_memory_bytes(ARCH, "float32", "cpu")
    assert least == needed(1, checkpointing=True)
    said = r"memory: expected 0\.01 GiB free on cpu, .*; got 0\.01 GiB\. Take a smaller budget"
    with pytest.raises(ConfigError, match=said) as caught:
        micro_batch(ARCH, 67, "float32", least - 1)
    assert "\n" not in caught.value.line


def test_a_training_keeps_its_best_weights_beside_the_step() -> None:
    step = training_memory_bytes(ARCH, 67)
    assert fit_memory_bytes(ARCH, 67) == step + 4 * N_PARAMS


def test_bfloat16_fits_a_larger_part() -> None:
    free = fit_memory_bytes(ARCH, 67, precision="bfloat16")
    assert micro_batch(ARCH, 67, "bfloat16", free) == MicroBatch(67, False)
    assert micro_batch(ARCH, 67, "float32", free).size < 67


def test_a_batch_of_one_window_accumulates_nothing() -> None:
    assert micro_batch(ARCH, 1, "float32", needed(1, batch_size=1)) == MicroBatch(1, False)
