"""A training problem of milliseconds, for tests of the training loop and its steps.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

import numpy as np

from finscale.model import Architecture
from finscale.training import Samples, make_samples

ARCH = Architecture(
    n_channels=3,
    d_model=6,
    n_layers=3,
    n_heads=2,
    d_ff=5,
    context_length=7,
    patch_length=3,
    patch_stride=2,
)


def problem(n_train: int = 53, rise: float = 2.0) -> tuple[Samples, Samples]:
    """Make training and validation samples of noise; the last bar's channel 1 tells of a label."""
    rng = np.random.default_rng(17)
    n_bars = 6 + n_train + 29
    values_TC = rng.normal(size=(n_bars, 3))
    labels_T = (rng.random(n_bars) < 1 / (1 + np.exp(-rise * values_TC[:, 1]))).astype(float)
    return (
        make_samples(values_TC, np.arange(6, 6 + n_train), labels_T, 7),
        make_samples(values_TC, np.arange(6 + n_train, n_bars), labels_T, 7),
    )
