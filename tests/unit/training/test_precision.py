"""Which precision a device trains in, what is refused, and what bfloat16 does to a training.

Legend: `T` bars, `C` channels, `B` batch, `L` context length.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from finscale.config import AskedPrecision, ConfigError
from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitSettings,
    Samples,
    Signal,
    autocast,
    check_precision,
    fit,
    make_samples,
    predict,
    resolve_precision,
    tf32_products,
)
from finscale.training.machine import precision as module

pytestmark = pytest.mark.usefixtures("one_thread")

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")
ARCH = Architecture(
    n_channels=3,
    d_model=14,
    n_layers=3,
    n_heads=2,
    d_ff=23,
    context_length=7,
    patch_length=3,
    patch_stride=2,
    dropout=0.1,
)
SETTINGS = FitSettings(
    epochs=5, learning_rate=3e-3, weight_decay=1e-3, warmup_steps=4, batch_size=16, seed=11
)
# A number of bfloat16 has 8 bits of fraction: it is rounded by 2^-9 = 0.2 % at most.
TOLERANCE = 0.01


def problem() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(17)
    values_TC, labels_T = rng.normal(size=(88, 3)), rng.integers(0, 2, 88).astype(float)
    parts = np.arange(6, 59), np.arange(59, 88)
    train, validation = (make_samples(values_TC, at_N, labels_T, 7) for at_N in parts)
    return train, validation


def trained(
    path: Path | None = None, n_looks: int | None = None, **changed: Any
) -> tuple[list[Epoch], PatchTST]:
    torch.manual_seed(5)
    model, epochs, looks = PatchTST(ARCH), [], count()

    def on_epoch(epoch: Epoch) -> Signal:
        epochs.append(epoch)
        return Signal.CONTINUE

    fit(
        model,
        *problem(),
        replace(SETTINGS, **changed),
        on_epoch=on_epoch,
        checkpoints=Checkpoints(path) if path else None,
        is_stopping=lambda: next(looks) == n_looks,
    )
    return epochs, model


def weights(model: PatchTST) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


# What a device trains in.


@pytest.mark.parametrize(
    ("asked", "device", "has_driver", "has_units", "resolved"),
    [
        ("auto", "cuda", True, True, "bfloat16"),
        ("auto", "auto", True, True, "bfloat16"),
        ("auto", "cuda", True, False, "float32"),
        ("auto", "cpu", True, True, "float32"),
        ("auto", "mps", True, True, "float32"),
        ("auto", "auto", False, True, "float32"),
        ("float32", "cuda", True, True, "float32"),
        ("bfloat16", "cpu", False, False, "bfloat16"),  # refused where something is trained
    ],
)
def test_a_precision_is_resolved_by_the_device(
    monkeypatch: pytest.MonkeyPatch,
    asked: AskedPrecision,
    device: str,
    has_driver: bool,
    has_units: bool,
    resolved: str,
) -> None:
    monkeypatch.setattr(module, "has_nvidia_driver", lambda: has_driver)
    monkeypatch.setattr(module, "pick_device", lambda _name: CUDA)
    monkeypatch.setattr(module, "has_bfloat16", lambda _device: has_units)
    assert resolve_precision(asked, device) == resolved


def test_without_a_driver_it_is_resolved_without_torch() -> None:
    code = (
        "import sys\n"
        "from finscale.training.machine import precision\n"
        "precision.has_nvidia_driver = lambda: False\n"
        "assert precision.resolve_precision('auto', 'auto') == 'float32'\n"
        "assert precision.resolve_precision('auto', 'cpu') == 'float32'\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_bfloat16_is_refused_where_it_is_emulated(
    monkeypatch: pytest.MonkeyPatch, device: torch.device
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda _device: False)
    said = rf"precision: expected auto or float32; got bfloat16, which {device.type} on this .*\. "
    with pytest.raises(ConfigError, match=said) as caught:
        check_precision("bfloat16", device)
    assert "\n" not in caught.value.line
    check_precision("auto", device)
    check_precision("float32", device)


@pytest.mark.parametrize(
    ("told", "speed", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, 0.1, True),
        ({"avx512_bf16": False, "amx_bf16": True}, 0.1, True),
        ({"avx512_bf16": False, "amx_bf16": False}, 9.0, False),
        ({"neon": True}, 2.1, True),  # what the CPU does not tell is measured
        ({"neon": True}, 1.0, False),
        (None, 0.04, False),
    ],
)
def test_a_cpu_is_asked_or_measured(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, bool] | None, speed: float, expected: bool
) -> None:
    if told is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    monkeypatch.setattr(module, "bfloat16_speed", lambda: speed)
    assert module.has_bfloat16.__wrapped__(CPU) is expected


def test_an_accelerator_other_than_cuda_emulates() -> None:
    assert module.has_bfloat16.__wrapped__(MPS) is False


def test_the_speed_is_a_ratio_of_times() -> None:
    assert 1e-3 < module.bfloat16_speed() < 1e3


# What it does to a training. Emulated or not, the numbers are those of bfloat16.


def test_a_trace_in_bfloat16_is_close_to_float32_and_not_it() -> None:
    plain, _ = trained()
    halved, model = trained(precision="bfloat16")
    for one, other in zip(plain, halved, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=TOLERANCE)
        assert other.val_loss == pytest.approx(one.val_loss, rel=TOLERANCE)
    assert [epoch.train_loss for epoch in halved] != [epoch.train_loss for epoch in plain]
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("n_looks", [2, 9])
def test_a_resumed_run_in_bfloat16_is_the_uninterrupted_one(tmp_path: Path, n_looks: int) -> None:
    path = tmp_path / "a.safetensors"
    whole, model = trained(precision="bfloat16")
    first, _ = trained(path, n_looks, precision="bfloat16")
    rest, resumed = trained(path, precision="bfloat16")
    assert first + rest == whole
    assert torch.equal(weights(resumed), weights(model))


def test_a_checkpoint_of_another_precision_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    trained(path, n_looks=9, precision="bfloat16")
    epochs, model = trained(path)
    plain, expected = trained()
    assert epochs == plain and torch.equal(weights(model), weights(expected))


def test_outputs_and_the_loss_are_float32() -> None:
    torch.manual_seed(5)
    model, (train, _) = PatchTST(ARCH), problem()
    exact = predict(model, train)
    halved = predict(model, train, precision="bfloat16")
    assert exact.dtype == halved.dtype == torch.float32
    torch.testing.assert_close(halved, exact, rtol=0.05, atol=0.02)
    assert not torch.equal(halved, exact)
    seen: list[torch.dtype] = []

    def loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        seen.append(outputs_BK.dtype)
        return (outputs_BK.squeeze(1) - labels_B).square()

    settings = replace(SETTINGS, epochs=1, precision="bfloat16")
    fit(model, *problem(), settings, on_epoch=lambda _epoch: Signal.CONTINUE, loss=loss)
    assert seen == [torch.float32] * 4 + [torch.float64]


def test_a_model_in_float64_predicts_in_float64() -> None:
    model, (train, _) = PatchTST(ARCH).double(), problem()
    double = replace(train, values_TC=train.values_TC.double())
    assert predict(model, double).dtype == torch.float64


def test_autocast_at_float32_changes_nothing() -> None:
    left = torch.randn(3, 5)
    with autocast("cpu", "float32"):
        assert (left @ left.T).dtype == torch.float32
    with autocast("cpu", "bfloat16"):
        assert (left @ left.T).dtype == torch.bfloat16
    assert (left @ left.T).dtype == torch.float32


@pytest.mark.parametrize(("device", "within"), [("cuda", "high"), ("cpu", "highest")])
def test_products_are_tf32_on_cuda_alone_and_only_within(device: str, within: str) -> None:
    assert torch.get_float32_matmul_precision() == "highest"
    with pytest.raises(KeyError), tf32_products(device):
        assert torch.get_float32_matmul_precision() == within
        raise KeyError
    assert torch.get_float32_matmul_precision() == "highest"
