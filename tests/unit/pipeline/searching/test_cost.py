"""How long a search takes: known before it begins, for narrow and deep models too."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from finscale.config import HpoConfig, parse
from finscale.model import Architecture, activation_bytes, architectures, forward_flops
from finscale.pipeline.searching.cost import measured_cost, search_seconds
from finscale.pipeline.searching.setup import expected
from finscale.search import SearchSpace, extremes

CPU = torch.device("cpu")
SECONDS_A_FLOP, SECONDS_A_BYTE = 2e-11, 3e-9


def a_window(arch: Architecture) -> float:
    """Return the seconds that a machine of known speed takes for a window."""
    kept = activation_bytes(arch, 1)
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


@pytest.mark.parametrize(
    ("asked", "n_done", "n_workers", "time"),
    [
        (0, 0, 4, "about 30 s at most on cpu with 4 workers (measured 1.0 GFLOP/s)"),
        (0, 3, 3, "about 20 s at most on cpu with 3 workers (measured 1.0 GFLOP/s)"),
        (0, 5, 1, "about 20 s at most on cpu with 1 worker (measured 1.0 GFLOP/s)"),
        (2, 0, 2, "about 60 s at most on cpu with 2 workers (measured 1.0 GFLOP/s)"),
        (64, 5, 64, "about 20 s at most on cpu with 64 workers (measured 1.0 GFLOP/s)"),
    ],
)
def test_as_many_workers_as_have_work_unless_the_user_gives_a_number(
    monkeypatch: pytest.MonkeyPatch, asked: int, n_done: int, n_workers: int, time: str
) -> None:
    setup = "finscale.pipeline.searching.setup"
    monkeypatch.setattr(f"{setup}.workers_here", lambda *_: 4)
    config, found = space("11K")
    config = config.model_copy(update={"workers": asked})
    twenty_seconds_a_trial = lambda *args: 20.0 * (6 - args[-1])  # noqa: E731
    monkeypatch.setattr(f"{setup}.search_seconds", twenty_seconds_a_trial)
    monkeypatch.setattr(
        "finscale.pipeline.searching.cost.measure_flops_per_second", lambda *_, **__: 1e9
    )
    plan = expected(config, found, CPU, n_done=n_done, n_train=1_009)
    assert (plan.n_workers, plan.time) == (n_workers, time)
