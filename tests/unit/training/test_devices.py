"""Devices, memory and speed."""

from __future__ import annotations

import pytest
import torch

from finscale.config import ConfigError
from finscale.model import Architecture, forward_flops
from finscale.training import available_memory_bytes, measure_flops_per_second, pick_device
from finscale.training.machine.devices import peak_memory_bytes

CPU = torch.device("cpu")
ARCH = Architecture(n_channels=3, d_model=10, n_layers=2, n_heads=5, d_ff=7, dropout=0.2)


def only(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)


@pytest.mark.parametrize(
    ("there", "best"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("mps", "cuda"), "cuda")],
)
def test_auto_takes_the_best_there_is(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], best: str
) -> None:
    only(monkeypatch, *there)
    assert pick_device("auto") == torch.device(best)
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu", ""])
def test_a_device_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    only(monkeypatch)
    with pytest.raises(ConfigError) as caught:
        pick_device(name)
    assert caught.value.line == (
        f"device: expected one of cpu on this machine; got {name!r}. "
        "Leave -P device out to use the best available device."
    )


def test_memory_is_told_in_bytes() -> None:
    assert 10**7 < available_memory_bytes(CPU) < 10**14
    peak = peak_memory_bytes(CPU)
    assert 10**7 < peak < 10**13
    keep = torch.ones(40_000_000)  # 160 MB, touched
    assert peak_memory_bytes(CPU) >= peak
    assert keep.sum() == 40_000_000


def test_speed_is_measured_in_real_steps() -> None:
    rate = measure_flops_per_second(ARCH, 7, CPU, at_most_s=0.1)
    # One step a second would be a hundred times too slow for any machine, 100 TFLOP/s too fast.
    assert 3 * forward_flops(ARCH) * 7 < rate < 1e14


def test_a_step_longer_than_the_time_allowed_is_measured_all_the_same() -> None:
    assert measure_flops_per_second(ARCH, 7, CPU, at_most_s=0.0) > 0


def test_measuring_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    measure_flops_per_second(ARCH, 7, CPU, at_most_s=0.05)
    assert torch.equal(torch.get_rng_state(), before)
