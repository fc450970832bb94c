"""A step that several devices share, here by one rank: parts, memory, and shards.

`tests/integration/training` has the same with several processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed

from finscale.config import ConfigError
from finscale.model import Architecture, PatchTST
from finscale.training import (
    FitSettings,
    MicroBatch,
    Samples,
    bce_loss,
    fit_memory_bytes,
    least_memory_bytes,
    make_samples,
    spared_bytes,
)
from finscale.training.machine.ranks import Ranks, joined, whole
from finscale.training.rank_process import shard
from finscale.training.state.state import TrainingState
from finscale.training.steps.shared_step import SharedStep, must_shard, shared_micro
from finscale.training.steps.steps import OneModelStep, make_optimiser

ARCH = Architecture(
    n_channels=3, d_model=6, n_layers=2, n_heads=2, d_ff=5, context_length=7, patch_length=3,
    patch_stride=2,
)  # fmt: skip
LARGE = Architecture(n_channels=25, d_model=768, n_layers=64, n_heads=8, d_ff=3072)
SETTINGS = FitSettings(
    epochs=3, learning_rate=0.02, weight_decay=1e-3, warmup_steps=5, batch_size=13, seed=11
)
CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rank(tmp_path: Path) -> Iterator[Ranks]:
    with joined(0, 1, tmp_path / "meeting", CPU) as ranks:
        yield ranks
    assert not distributed.is_initialized()


def samples() -> Samples:
    rng = np.random.default_rng(17)
    values_TC = rng.normal(size=(31, 3))
    return make_samples(values_TC, np.arange(6, 31), (values_TC[:, 1] > 0).astype(float), 7)


def beginning(*, is_sharded: bool = False) -> TrainingState:
    torch.manual_seed(3)
    model = PatchTST(ARCH)
    if is_sharded:
        shard(model, "cpu", 1)
    optimiser = make_optimiser([*model.parameters()], SETTINGS)
    return TrainingState(model, optimiser, torch.Generator())


def weights(state: TrainingState) -> Tensor:
    return torch.cat([whole(weight.detach()).flatten() for weight in state.model.parameters()])


@pytest.mark.parametrize("size", [13, 5])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("is_sharded", [False, True], ids=["copies", "shards"])
def test_micro_batches_add_up_to_the_whole_batch(
    rank: Ranks, size: int, checkpointing: bool, is_sharded: bool
) -> None:
    one, other = beginning(), beginning(is_sharded=is_sharded)
    alone = OneModelStep(one, samples(), SETTINGS, bce_loss)
    shared = SharedStep(other, samples(), SETTINGS, bce_loss, MicroBatch(size, checkpointing), rank)
    for first in range(0, 12, 4):
        for step in (alone, shared):
            step(torch.arange(first, first + 13).unsqueeze(0), 0.02)
    assert float(other.losses) == pytest.approx(float(one.losses), rel=1e-6)
    assert float(other.largest_norm) == pytest.approx(float(one.largest_norm), rel=1e-5)
    # Not the weights: the biases of keys change no output, and so they follow rounding errors.
    torch.testing.assert_close(
        shared.outputs(samples(), lambda: None),
        alone.outputs(samples(), lambda: None),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_rate_on_the_device_sets_the_steps_of_shards(rank: Ranks) -> None:
    """As on CUDA, where nothing waits for the rate."""
    one, other = beginning(is_sharded=True), beginning(is_sharded=True)
    other.optimiser.param_groups[0]["lr"] = torch.tensor(0.7)
    for state in (one, other):
        step = SharedStep(state, samples(), SETTINGS, bce_loss, MicroBatch(13, False), rank)
        step(torch.arange(13).unsqueeze(0), 0.02)
    torch.testing.assert_close(weights(other), weights(one))


@dataclass(frozen=True)
class OfMemory(Ranks):
    """Ranks whose devices have so much free memory each."""

    free: int = 0

    def free_bytes(self, device: torch.device) -> int:
        assert device == CPU
        return self.free


def test_a_model_is_sharded_if_it_does_not_fit_one_device() -> None:
    needed = least_memory_bytes(LARGE, "float32", "cpu")
    assert not must_shard(LARGE, SETTINGS, OfMemory(0, 2, needed), CPU)
    assert must_shard(LARGE, SETTINGS, OfMemory(0, 2, needed - 1), CPU)


def test_each_device_computes_its_part_in_micro_batches_that_fit() -> None:
    model = PatchTST(ARCH)
    state = TrainingState(model, make_optimiser([*model.parameters()], SETTINGS), torch.Generator())
    asked = replace(SETTINGS, batch_size=13)
    plenty, whole_part = OfMemory(0, 2, 2**40), fit_memory_bytes(ARCH, 7)
    assert shared_micro(state, asked, plenty) == MicroBatch(7, checkpointing=False)
    assert shared_micro(state, asked, OfMemory(0, 2, whole_part - state.n_bytes)).size == 7
    assert shared_micro(state, asked, OfMemory(0, 2, whole_part - state.n_bytes - 1)).size < 7
    with pytest.raises(ConfigError, match="memory: expected"):
        shared_micro(state, asked, OfMemory(0, 2, 7 - state.n_bytes))


def test_shards_save_the_memory_of_what_the_others_hold() -> None:
    n_params = 7_102_465 * 64  # about: 64 layers of 12 · 768²
    assert spared_bytes(LARGE, 1) == 0
    assert spared_bytes(LARGE, 2) == pytest.approx((10 - 16 / 64) * n_params, rel=0.01)
    assert spared_bytes(LARGE, 8) == pytest.approx((17.5 - 16 / 64) * n_params, rel=0.01)
    assert spared_bytes(replace(LARGE, n_layers=1), 2) == 0
