"""How fast an epoch trained, and how hot the machine got."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from finscale.model import Architecture, forward_flops
from finscale.pipeline.running import health, speed_curves
from finscale.training import Epoch, ThermalGuard

ARCH = Architecture(n_channels=5, d_model=16, n_layers=2, n_heads=2, d_ff=32)
CPU = torch.device("cpu")


class Guard:
    def __init__(self, highest: float | None) -> None:
        self._highest = highest

    def highest(self, seconds: float) -> float | None:
        return self._highest if seconds in (0.0, 2.0) else None


def curves(epoch: Epoch, highest: float | None) -> dict[str, float]:
    return speed_curves(epoch, ARCH, "float32", CPU, cast(ThermalGuard, Guard(highest)))


def test_the_speed_and_the_share_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "matrix_flops_per_second", lambda *_: 1e9)
    flops = 3 * forward_flops(ARCH) * 101
    assert curves(Epoch(1, 0.5, 0.4, 1e-3, seconds=2.0, n_samples=202), 71.0) == {
        "epoch/samples_per_second": 101.0,
        "epoch/flops_per_second": pytest.approx(flops),
        "epoch/matrix_share": pytest.approx(flops / 1e9),
        "epoch/max_temperature": 71.0,
    }


def test_what_was_not_measured_is_not_logged() -> None:
    assert curves(Epoch(1, 0.5, 0.4, 1e-3), None) == {}
