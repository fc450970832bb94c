"""Micro-batches add up to the batch; if memory runs out they are halved, and nothing else changes.

Legend: `T` bars, `C` channels, `B` batch, `K` outputs.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from finscale.model import Architecture, PatchTST
from finscale.training import Epoch, FitResult, FitSettings, Loss, Signal, bce_loss, fit
from finscale.training.machine.batches import MicroBatch
from finscale.training.steps.measuring import temporary_states
from finscale.training.steps.steps import OneModelStep
from tests.tiny_training import ARCH, problem

SETTINGS = FitSettings(
    epochs=3, learning_rate=0.02, weight_decay=1e-3, warmup_steps=2, batch_size=16, seed=11
)

pytestmark = pytest.mark.usefixtures("one_thread")


def step_of(micro: MicroBatch, arch: Architecture = ARCH) -> OneModelStep:
    torch.manual_seed(5)
    (state,) = temporary_states(arch, SETTINGS, 1, torch.device("cpu"))
    return OneModelStep(state, problem()[0], SETTINGS, bce_loss, micro)


def gradients(step: OneModelStep, n_batch: int) -> Tensor:
    """Return the gradients of a batch; the step's rate of 0 moves no weight."""
    torch.manual_seed(7)  # for dropout
    step(torch.arange(n_batch)[None], 0.0)
    weights = step.optimiser.param_groups[0]["params"]
    return torch.cat([weight.grad.flatten() for weight in weights])


@pytest.mark.parametrize("n_batch", [16, 13, 1])
@pytest.mark.parametrize("size", [8, 3, 1])
def test_gradients_of_parts_are_those_of_the_whole(n_batch: int, size: int) -> None:
    whole, parts = step_of(MicroBatch(16, False)), step_of(MicroBatch(size, False))
    torch.testing.assert_close(
        gradients(parts, n_batch), gradients(whole, n_batch), rtol=1e-6, atol=1e-6
    )


def test_checkpointed_layers_give_the_same_gradients_to_the_bit() -> None:
    arch = replace(ARCH, dropout=0.3)
    plain, again = step_of(MicroBatch(16, False), arch), step_of(MicroBatch(16, True), arch)
    assert torch.equal(gradients(again, 16), gradients(plain, 16))


def trained(loss: Loss, settings: FitSettings = SETTINGS) -> tuple[FitResult, list[float]]:
    torch.manual_seed(5)
    losses: list[float] = []

    def on_epoch(epoch: Epoch) -> Signal:
        losses.extend([epoch.train_loss, epoch.val_loss])
        return Signal.CONTINUE

    model = PatchTST(ARCH)
    return fit(model, *problem(), settings, on_epoch=on_epoch, loss=loss), losses


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 7 bytes."),
    ],
)
def test_memory_that_runs_out_halves_micro_batches(error: Exception) -> None:
    def greedy(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        if outputs_BK.requires_grad and len(outputs_BK) > 5:
            raise error
        return bce_loss(outputs_BK, labels_B)

    result, losses = trained(greedy)
    assert (result.status, result.micro_batch_size) == ("ok", 4)
    assert losses == pytest.approx(trained(bce_loss)[1], rel=1e-5)


def test_memory_that_one_window_does_not_fit_is_an_error() -> None:
    def never(*_: Tensor) -> Tensor:
        raise MemoryError

    with pytest.raises(MemoryError):
        trained(never)


def test_another_error_is_not_taken_for_one_of_memory() -> None:
    def broken(*_: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        trained(broken)


def test_a_batch_that_does_not_fit_is_computed_in_parts_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from finscale.training import fit_memory_bytes

    half = fit_memory_bytes(ARCH, 32, accumulates=True)
    assert half < fit_memory_bytes(ARCH, 64)
    monkeypatch.setattr("finscale.training.loop.available_memory_bytes", lambda _: half)
    monkeypatch.setattr("finscale.training.state.state.TrainingState.n_bytes", 0)
    assert trained(bce_loss, replace(SETTINGS, batch_size=64))[0].micro_batch_size == 32
