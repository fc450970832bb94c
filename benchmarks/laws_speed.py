"""How long a joint law takes: one full multi-start, and 4,000 refits of its bootstrap.

    python benchmarks/laws_speed.py

240 points of a published surface (Hoffmann et al. 2022) with 1 % and 5 % noise. Prints the table
of docs/benchmarks.md, refits as they took and next to as many full fits.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

SRC = str(Path(__file__).resolve().parents[1] / "src")
sys.path.insert(0, SRC)
# Workers are new interpreters.
os.environ["PYTHONPATH"] = SRC

from finscale.laws import bootstrap, fit_joint_law  # noqa: E402

N_REFITS, WORKERS, ROUNDS, N_CHECKED = 4_000, 2, 5, 50


def main() -> None:
    """Print one row a noise."""
    print(
        "| noise | one full fit, s | 4,000 refits on two cores, s | a refit, ms | full fit / refit "
        "| refits that a full fit betters |"
    )
    print("|---|---|---|---|---|---|")
    for noise in (0.01, 0.05):
        points = surface(noise)
        full = statistics.median(timed(points) for _ in range(ROUNDS))
        started = time.perf_counter()
        found = bootstrap(fit_joint_law, *points, n_draws=N_REFITS, workers=WORKERS)
        took = time.perf_counter() - started
        assert found.n_identified == N_REFITS
        each = took * WORKERS / N_REFITS
        print(
            f"| {noise:.0%} | {full:.2f} | {took:.1f} | {1e3 * each:.1f} | {full / each:.0f} "
            f"| {bettered(points)} of {N_CHECKED} |"
        )


def surface(noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give sizes, samples and losses: 16 sizes by 15 amounts of data."""
    sides = np.meshgrid(np.geomspace(4e7, 1.6e10, 16), np.geomspace(5e8, 5e11, 15))
    n, d = (side.ravel() for side in sides)
    loss = 1.69 + 406.4 * n**-0.34 + 410.7 * d**-0.28
    return n, d, loss * np.exp(noise * np.random.default_rng(42).normal(size=n.size))


def timed(points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Fit from all starts; return seconds."""
    started = time.perf_counter()
    fit_joint_law(*points)
    return time.perf_counter() - started


def bettered(points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> int:
    """Count warm-started refits whose objective a fit from all starts improves."""
    law, rng, count = fit_joint_law(*points), np.random.default_rng(7), 0
    for _ in range(N_CHECKED):
        chosen = rng.integers(len(points[0]), size=len(points[0]))
        again = [values[chosen] for values in points]
        warm, cold = fit_joint_law(*again, start=law), fit_joint_law(*again)
        count += cold.objective < warm.objective * (1.0 - 1e-6)
    return count


if __name__ == "__main__":
    main()
