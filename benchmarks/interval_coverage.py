"""How often a 95 % interval holds the truth, on dependent losses whose mean is known to be 0.

    python benchmarks/interval_coverage.py

Paired losses are made by an AR(1) process of coefficient phi; seeds and days are resampled as an
analysis does it. A table for docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from finscale.dataset import effective_size
from finscale.evaluation import block_length, bootstrap_means, intervals

REPETITIONS, N_DAYS, HORIZON, N_DRAWS = 200, 751, 1, 1000


def main() -> None:
    print("| phi | true n effective | median n effective | median block | 95 % interval holds 0 |")
    print("|---|---|---|---|---|")
    for phi in (0.0, 0.3, 0.5, 0.8):
        rng = np.random.default_rng([7, int(10 * phi)])
        sizes, lengths, covered = [], [], 0
        for _ in range(REPETITIONS):
            losses_T = ar1(rng, phi)
            length = block_length(losses_T[None], HORIZON)
            low, high = intervals(bootstrap_means([losses_T[None]], length, N_DRAWS, rng))
            covered += int(low[0] <= 0.0 <= high[0])
            sizes.append(effective_size(N_DAYS, HORIZON, losses_T))
            lengths.append(length)
        # Variance of the mean of an AR(1) process: sigma^2 (1 + phi) / ((1 - phi) n).
        true = N_DAYS * (1 - phi) / (1 + phi)
        print(
            f"| {phi} | {true:.0f} | {np.median(sizes):.0f} | {np.median(lengths):.1f} "
            f"| {covered} of {REPETITIONS} ({covered / REPETITIONS:.1%}) |"
        )


def ar1(rng: np.random.Generator, phi: float) -> np.ndarray:
    """Draw a stationary AR(1) series of variance 1."""
    shocks_T = rng.normal(size=N_DAYS)
    series_T = np.empty(N_DAYS)
    series_T[0] = shocks_T[0]
    for t in range(1, N_DAYS):
        series_T[t] = phi * series_T[t - 1] + np.sqrt(1 - phi**2) * shocks_T[t]
    return series_T


if __name__ == "__main__":
    main()
