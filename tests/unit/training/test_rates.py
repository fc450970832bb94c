"""What a device could reach: measured once, without a trace in the random numbers of a training."""

from __future__ import annotations

import pytest
import torch

from finscale.training import matrix_flops_per_second
from finscale.training.machine import rates

CPU = torch.device("cpu")


@pytest.mark.usefixtures("one_thread")
def test_the_best_product_counts_and_is_measured_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter(
        [
            0.0,
            9.0,
            *(tick for began in range(5) for tick in (10.0 * began, 10.0 * began + 7 - began)),
        ]
    )
    monkeypatch.setattr(rates.time, "perf_counter", lambda: next(ticks))
    rates._measured.cache_clear()
    before = torch.get_rng_state()
    assert matrix_flops_per_second(CPU, "float32") == 2 * 512**3 / 3.0  # the fifth product, of 3 s
    assert matrix_flops_per_second(CPU, "float32") == 2 * 512**3 / 3.0
    assert torch.equal(torch.get_rng_state(), before)
    rates._measured.cache_clear()
