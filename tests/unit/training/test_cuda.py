"""On an accelerator: a stopped run goes on as if nothing had happened, and memory is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Samples,
    Signal,
    available_memory_bytes,
    fit,
    make_samples,
    pick_device,
    predict,
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

ARCH = Architecture(
    n_channels=5, d_model=16, n_layers=3, n_heads=2, d_ff=32, context_length=13, patch_length=5,
    patch_stride=4, dropout=0.2,
)  # fmt: skip
SETTINGS = FitSettings(
    epochs=7, learning_rate=0.01, weight_decay=1e-3, warmup_steps=10, batch_size=32, seed=11
)


def parts(device: torch.device) -> list[Samples]:
    rng = np.random.default_rng(17)
    values_TC = rng.normal(size=(401, 5)).astype(np.float32)
    labels_T = (rng.random(401) < 1 / (1 + np.exp(-2.0 * values_TC[:, 1]))).astype(float)
    cuts = (np.arange(12, 301), np.arange(301, 401))
    return [make_samples(values_TC, at_N, labels_T, 13).to(device) for at_N in cuts]


def train(path: Path | None, stop_after: int = 0) -> tuple[FitResult, list[float], list[Tensor]]:
    device = pick_device("cuda")
    torch.manual_seed(5)
    model = PatchTST(ARCH).to(device)
    losses: list[float] = []

    def on_epoch(epoch: Epoch) -> Signal:
        losses.append(epoch.train_loss)
        return Signal.STOP if epoch.number == stop_after else Signal.CONTINUE

    checkpoints = Checkpoints(path, 0.0) if path else None
    result = fit(model, *parts(device), SETTINGS, on_epoch=on_epoch, checkpoints=checkpoints)
    return result, losses, [weight.detach().cpu() for weight in model.parameters()]


def test_a_stopped_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole, losses, weights = train(None)
    path = tmp_path / "checkpoint.safetensors"
    stopped, before, _ = train(path, stop_after=3)
    assert stopped.status == "stopped" and path.exists()
    result, after, again = train(path)
    assert (result.status, result.epochs_run) == ("ok", whole.epochs_run)
    # Dropout on the device goes on where it was; sums on it may differ in their last bits.
    np.testing.assert_allclose(before + after, losses, rtol=1e-5)
    for mine, theirs in zip(again, weights, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_memory_is_that_of_the_device() -> None:
    device = pick_device("auto")
    assert device.type == "cuda"
    result, _, _ = train(None)
    assert 0 < result.peak_memory_bytes < available_memory_bytes(device)


def test_the_device_and_the_cpu_agree() -> None:
    torch.manual_seed(5)
    model, cpu = PatchTST(ARCH), torch.device("cpu")
    here = predict(model, parts(cpu)[1])
    there = predict(model.to("cuda"), parts(torch.device("cuda"))[1])
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-4)
