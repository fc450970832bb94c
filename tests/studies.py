"""Simulated studies whose answer is known, from daily losses to evidence.

Legend: `R` repetitions, `J` cells, `S` seeds, `T` days.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from finscale.evaluation import bootstrap_means, covariance, seed_variance
from finscale.laws import Conditions, Evidence, verdict

FOUR = np.geomspace(32_000, 2_048_000, 4).round()
SIX = np.geomspace(30_000, 3_000_000, 6).round()
LOSS_SCALE = 0.37
DELTA = 0.01 * LOSS_SCALE
N_DAYS, N_SEEDS, N_DRAWS = 751, 3, 400
# Wherever days are independent, blocks of two days are long enough.
BLOCK = 2.0


@dataclass(frozen=True)
class Noise:
    """Standard deviations in nats: of days and of seeds.

    Attributes
    ----------
    common : float
        Of a day, for all cells alike.
    cell : float
        Of a day, each cell's own.
    seed : float
        Of a seed, over all days.
    seed_day : float
        Of a seed on a day.
    """

    common: float = 0.05
    cell: float = 0.03
    seed: float = 0.002
    seed_day: float = 0.02


def simulate(
    truth_J: ArrayLike, sizes_J: np.ndarray, n: int, seed: int, noise: Noise = Noise()
) -> list[Evidence]:
    """Draw daily losses of `n` studies and bootstrap them all by one matrix product."""
    rng = np.random.default_rng(seed)
    level = np.asarray(truth_J, dtype=np.float64)[:, None, None]
    n_cells = len(sizes_J)
    cells_JST = [
        level
        + noise.common * rng.normal(size=(1, 1, N_DAYS))
        + noise.cell * rng.normal(size=(n_cells, 1, N_DAYS))
        + noise.seed * rng.normal(size=(n_cells, N_SEEDS, 1))
        + noise.seed_day * rng.normal(size=(n_cells, N_SEEDS, N_DAYS))
        for _ in range(n)
    ]
    means = [cell.mean(axis=0)[None] for cells in cells_JST for cell in cells]
    draws = bootstrap_means(means, BLOCK, N_DRAWS, rng)
    conditions = Conditions(
        n_params=tuple(int(size) for size in sizes_J),
        n_seeds=(N_SEEDS,) * n_cells,
        n_days=N_DAYS,
        n_effective=float(N_DAYS),
        data_digests=("a" * 64,),
        label_versions=("1",),
        splits=("chronological",),
    )
    return [
        Evidence(
            conditions=conditions,
            difference=cells.mean(axis=(1, 2)),
            day_cov=covariance(draws[:, r * n_cells : (r + 1) * n_cells]),
            seed_variance=seed_variance(list(cells)),
            loss_scale=LOSS_SCALE,
        )
        for r, cells in enumerate(cells_JST)
    ]


def answers(studies: list[Evidence]) -> Counter[str]:
    """Count the verdicts."""
    return Counter(str(verdict(study).answer.value) for study in studies)


def line(slope: float, sizes_J: np.ndarray) -> np.ndarray:
    """Differences on a line in log10 of the size, .01 in the middle."""
    offset = np.log10(sizes_J) - np.log10(sizes_J).mean()
    return 0.01 + slope * offset


def power(drop: float, alpha: float, sizes_J: np.ndarray) -> np.ndarray:
    """Differences on a power law that falls by `drop` from the smallest size to the largest."""
    fall = (sizes_J / sizes_J[0]) ** -alpha
    return 0.01 + drop * (fall - fall[-1]) / (1.0 - fall[-1])


def is_rare(k: int, n: int, rate: float = 0.05) -> bool:
    """Whether `k` of `n` can come of a rate of at most `rate` (one-sided binomial, 1 in 200)."""
    return bool(binomtest(k, n, rate, alternative="greater").pvalue > 0.005)
