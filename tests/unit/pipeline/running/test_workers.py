"""How many models are trained side by side: as many as the cores and the memory take."""

from __future__ import annotations

import pytest

from finscale.pipeline.running import workers_that_fit

GIB = 2**30


@pytest.mark.parametrize(
    ("n_params", "n_cores", "memory_gib", "expected"),
    [
        (32_000, 2, 16, 2),
        (32_000, 16, 64, 16),  # a core each
        (32_000, 16, 5, 4),  # 1 GiB each, and a little
        (32_000, 16, 0.5, 1),
        (8_000_000, 16, 64, 4),  # four threads each
        (8_000_000, 2, 64, 2),
        (8_000_000, 1, 64, 1),
        (200_000_000, 64, 64, 9),  # 1 GiB + 6.4 GB each
        (2_000_000_000, 64, 64, 1),
    ],
)
def test_cores_and_memory_bound_the_number(
    n_params: int, n_cores: int, memory_gib: float, expected: int
) -> None:
    assert workers_that_fit(n_params, n_cores, int(memory_gib * GIB)) == expected
