"""How many models are trained side by side: as many as the cores and the memory take."""

from __future__ import annotations

import pytest
import torch

from finscale.config import StoreError, ThermalError
from finscale.pipeline.running import (
    Failure,
    unfinished,
    workers_here,
    workers_that_fit,
    workers_that_pay,
)

GIB = 2**30


@pytest.mark.parametrize(
    ("n_params", "training_gib", "n_cores", "memory_gib", "expected"),
    [
        (32_000, 0.01, 2, 16, 2),
        (32_000, 0.01, 16, 64, 16),  # a core each
        (32_000, 0.01, 16, 5, 4),  # 1 GiB each, and a little
        (32_000, 0.01, 16, 0.5, 1),
        (8_000_000, 0.3, 16, 64, 4),  # four threads each
        (8_000_000, 0.3, 2, 64, 2),
        (8_000_000, 0.3, 1, 64, 1),
        (200_000_000, 6.0, 64, 64, 9),  # 7 GiB each
        (2_000_000_000, 60.0, 64, 64, 1),
    ],
)
def test_cores_and_memory_bound_the_number(
    n_params: int, training_gib: float, n_cores: int, memory_gib: float, expected: int
) -> None:
    memory_bytes, training_bytes = int(memory_gib * GIB), int(training_gib * GIB)
    fitting = workers_that_fit(n_params, training_bytes, n_cores=n_cores, memory_bytes=memory_bytes)
    assert fitting == expected


@pytest.mark.parametrize(
    ("seconds", "n_pieces", "expected"),
    [(0.0, 12, 1), (29.9, 12, 1), (30.0, 12, 2), (179.9, 12, 11), (180.0, 12, 12), (900.0, 12, 12),
     (900.0, 0, 1)],
)  # fmt: skip
def test_a_worker_has_a_piece_and_fifteen_seconds_of_work(
    seconds: float, n_pieces: int, expected: int
) -> None:
    assert workers_that_pay(seconds, n_pieces) == expected


def test_an_accelerator_trains_one_model_at_a_time() -> None:
    assert workers_here(32_000, torch.device("cuda"), GIB) == 1
    assert workers_here(32_000, torch.device("mps"), GIB) == 1


def test_work_that_was_left_because_of_heat_goes_on_when_it_is_cooler() -> None:
    hot = Failure("worker 1", "too hot.", is_heat=True)
    wrong = Failure("worker 2", "wrong.", is_mistake=True)
    assert type(unfinished("a search", "it all", [hot, wrong], "hpo")) is ThermalError
    error = unfinished("a search", "it all", [hot], "hpo")
    assert error.line.endswith("got worker 1: too hot. What is finished is kept. Go on: hpo")
    assert type(unfinished("a search", "it all", [wrong], "hpo")) is StoreError
