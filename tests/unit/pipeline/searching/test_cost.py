"""How long a search takes: known before it begins, for narrow and deep models too."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from finscale.config import HpoConfig, parse
from finscale.model import Architecture, architectures, forward_flops, training_memory_bytes
from finscale.pipeline.searching.cost import measured_cost, search_seconds
from finscale.search import SearchSpace, extremes

CPU = torch.device("cpu")
SECONDS_A_FLOP, SECONDS_A_BYTE = 2e-11, 3e-9


def a_window(arch: Architecture) -> float:
    """Return the seconds that a machine of known speed takes for a window."""
    kept = training_memory_bytes(arch, 2) - training_memory_bytes(arch, 1)
    return SECONDS_A_FLOP * 3 * forward_flops(arch) + SECONDS_A_BYTE * kept


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def rate(arch: Architecture, *_: Any, **__: Any) -> float:
        return 3 * forward_flops(arch) / a_window(arch)

    monkeypatch.setattr("finscale.pipeline.searching.cost.measure_flops_per_second", rate)


def space(budget: str) -> tuple[HpoConfig, SearchSpace]:
    config = parse(HpoConfig, [f"--budget={budget}", "--n_trials=6", "--epochs=7"], "hpo")
    return config, SearchSpace(architectures(config.budget, n_channels=25), config.space, {})


@pytest.mark.parametrize("budget", ["11K", "125K", "2M"])
def test_every_architecture_is_timed_although_few_are_tried(budget: str) -> None:
    config, found = space(budget)
    cost = measured_cost(config, found, CPU)
    for arch in found.architectures:
        assert cost.seconds(arch, 1_009) == pytest.approx(1_009 * a_window(arch), rel=0.1)


def test_a_search_takes_its_corners_and_then_the_mean_of_the_rest() -> None:
    config, found = space("125K")
    cost = measured_cost(config, found, CPU)
    each = [7 * 1_009 * a_window(arch) for arch in extremes(found.architectures, 6)]
    mean = sum(7 * 1_009 * a_window(arch) for arch in found.architectures)
    mean /= len(found.architectures)
    assert len(each) == 3
    expected = {0: sum(each) + 3 * mean, 2: each[2] + 3 * mean, 4: 2 * mean, 6: 0.0, 9: 0.0}
    for n_done, seconds in expected.items():
        assert search_seconds(config, found, cost, 1_009, n_done) == pytest.approx(seconds, rel=0.1)


def test_a_machine_of_one_speed_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "finscale.pipeline.searching.cost.measure_flops_per_second", lambda *_, **__: 1e9
    )
    config, found = space("11K")
    cost = measured_cost(config, found, CPU)
    assert cost.gigaflops(found.architectures) == pytest.approx(1.0)
    arch = found.architectures[0]
    assert cost.seconds(arch, 1) == pytest.approx(3e-9 * forward_flops(arch), rel=1e-6)
