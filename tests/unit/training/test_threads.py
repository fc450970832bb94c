"""How many threads a model is trained with: few if it is small, and the same after a resume."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitSettings,
    Signal,
    fit,
    make_samples,
    predict,
    threads_of,
)
from finscale.training.machine import threads as module
from tests.lab import ROOT

ARCH = Architecture(
    n_channels=3, d_model=6, n_layers=1, n_heads=2, d_ff=5,
    context_length=7, patch_length=3, patch_stride=2,
)  # fmt: skip
SETTINGS = FitSettings(
    epochs=3, learning_rate=1e-3, weight_decay=0.0, warmup_steps=2, batch_size=11, seed=5
)


@pytest.fixture
def three_threads() -> Iterator[None]:
    """A process with more threads than the machine may have cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def trained(path: Path | None = None, stop_after: int = 99) -> list[int]:
    """Train; return the number of threads after each epoch."""
    rng = np.random.default_rng(1)
    values_TC, labels_T = rng.normal(size=(61, 3)), rng.integers(0, 2, 61).astype(np.float64)
    train, validation = (
        make_samples(values_TC, at_N, labels_T, 7) for at_N in (np.arange(6, 43), np.arange(43, 61))
    )
    seen: list[int] = []

    def on_epoch(epoch: Epoch) -> Signal:
        seen.append(torch.get_num_threads())
        return Signal.STOP if epoch.number == stop_after else Signal.CONTINUE

    checkpoints = Checkpoints(path, every_s=0.0) if path else None
    torch.manual_seed(7)
    fit(PatchTST(ARCH), train, validation, SETTINGS, on_epoch=on_epoch, checkpoints=checkpoints)
    return seen


def test_the_rule() -> None:
    assert [threads_of(n, 16) for n in (32_000, 2_000_000, 7_999_999)] == [1, 1, 1]
    assert [threads_of(n, 16) for n in (8_000_000, 2_000_000_000)] == [16, 16]
    assert threads_of(20_000_000, available=1) == 1


@pytest.mark.usefixtures("three_threads")
def test_a_small_model_has_one_thread_and_the_process_keeps_its_own() -> None:
    assert trained() == [1, 1, 1]
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_a_large_model_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 1)
    assert trained() == [3, 3, 3]


@pytest.mark.usefixtures("three_threads")
def test_a_resumed_run_has_the_number_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE", 1)
    path = tmp_path / "checkpoint.safetensors"
    assert trained(path, stop_after=1) == [3]
    torch.set_num_threads(1)  # another share of the cores, say
    assert trained(path) == [3, 3]
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("three_threads")
def test_a_forecast_has_the_threads_of_its_model() -> None:
    seen: list[int] = []
    samples = make_samples(np.zeros((19, 3)), np.arange(6, 19), np.zeros(19), 7)
    predict(PatchTST(ARCH), samples, lambda: seen.append(torch.get_num_threads()))
    assert seen == [1] and torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("own", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(
    own: dict[str, str], policy: str
) -> None:
    code = "import os, entrypoints; print(os.environ['OMP_WAIT_POLICY'])"
    variables = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"} | own
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert done.stdout.strip() == policy
