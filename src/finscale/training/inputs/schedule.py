"""Learning rate schedule: linear warm-up, then cosine to 0 (Loshchilov & Hutter 2017, eq. 5)."""

from __future__ import annotations

import math


def learning_rate_factor(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return the learning rate at `step` (from 0), as a share of its peak.

    A run that ends within its warm-up never reaches the peak; the schedule is not shortened.

    >>> [learning_rate_factor(step, 2, 6) for step in (0, 1, 2, 4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * progress))
