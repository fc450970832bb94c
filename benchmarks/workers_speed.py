"""What more workers gain: searches by one process and by as many as `hpo` takes, A B A B.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/workers_speed.py [rounds] [budget]

Whole `hpo` commands of twelve trials in processes of their own, real models of 32K (30 epochs, with
early stopping) or 200K (4 epochs) on the bundled index, nothing pruned. Trials are of one shape and
their other values are drawn by their number, so that both ways do equal work; the start of the
processes counts. A table for docs/benchmarks.md, with the load beside: what others take of the
cores is taken from the second worker first. The seconds of the processor tell this apart.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
N_TRIALS = 12
EPOCHS = {"32K": 30, "200K": 4}
SHAPES = {
    "32K": {"d_model": 32, "n_layers": 3, "n_heads": 4, "d_ff": 64},
    "200K": {"d_model": 64, "n_layers": 6, "n_heads": 4, "d_ff": 128},
}
PINS = {"batch_size": 64, "revin": "false"}
HEAD = "| round | one worker, s (processor) | as many as pay, s (processor) | ratio | load before |"

Seconds = tuple[float, float]
"""Seconds on the clock, and seconds of the processor."""


def main(rounds: int, budget: str) -> None:
    print(f"{HEAD}\n{'|---' * 5}|", flush=True)
    for number in range(1, rounds + 1):
        load = os.getloadavg()[0]
        one, more = (searched(budget, workers) for workers in (1, 0))
        both = " | ".join(f"{clock:.0f} ({processor:.0f})" for clock, processor in (one, more))
        print(f"| {number} | {both} | {one[0] / more[0]:.2f} | {load:.1f} |", flush=True)


def searched(budget: str, workers: int) -> Seconds:
    """Time a search in a store that is prepared: data and baselines are there."""
    with TemporaryDirectory() as folder:
        # The other seed's search makes the store, the data and the baselines.
        command(folder, budget, workers=1, n_trials=1, epochs=1, seed=0)
        epochs, before = EPOCHS[budget], processor_seconds()
        began = time.perf_counter()
        command(folder, budget, workers=workers, n_trials=N_TRIALS, epochs=epochs, seed=1)
        return time.perf_counter() - began, processor_seconds() - before


def processor_seconds() -> float:
    """Return the seconds that the processors have worked for commands which have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def command(folder: str, budget: str, **options: int) -> None:
    everything = {
        "budget": budget,
        "space": "demo",
        "sampler": "random",
        "pruner": "none",
        "device": "cpu",
        "data_root": folder,
        **SHAPES[budget],
        **PINS,
        **options,
    }
    words = [part for name, value in everything.items() for part in (f"--{name}", str(value))]
    variables = {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    subprocess.run(
        [sys.executable, "-m", "entrypoints.hpo", *words],
        cwd=folder,
        env=os.environ | variables,
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2, sys.argv[2] if sys.argv[2:] else "32K")
