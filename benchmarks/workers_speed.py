"""What a second worker gains: searches by one process and by two, one thread each, A B A B.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/workers_speed.py [rounds]

Whole `hpo` commands in processes of their own, real 200K models on the bundled index, nothing
pruned. Trials are of one shape and of a fixed number of epochs, so that both ways do equal work;
the start of the processes counts. A table for docs/benchmarks.md, with the load beside: what others
take of the cores is taken from two workers first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
N_TRIALS, EPOCHS = 12, 4
PINS = {"d_model": 64, "n_layers": 6, "n_heads": 4, "d_ff": 128, "batch_size": 64, "revin": "false"}
HEAD = "| round | one worker, s | two workers, s | ratio | load before |"


def main(rounds: int) -> None:
    print(f"{HEAD}\n{'|---' * 5}|", flush=True)
    ratios = []
    for number in range(1, rounds + 1):
        load = os.getloadavg()[0]
        one, two = (searched(workers) for workers in (1, 2))
        ratios.append(one / two)
        print(f"| {number} | {one:.1f} | {two:.1f} | {one / two:.2f} | {load:.1f} |", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


def searched(workers: int) -> float:
    """Return the seconds of a search in a store that is prepared: data and baselines are there."""
    with TemporaryDirectory() as folder:
        # The other seed's search makes the store, the data and the baselines.
        command(folder, workers=1, n_trials=1, epochs=1, seed=0)
        return command(folder, workers=workers, n_trials=N_TRIALS, epochs=EPOCHS, seed=1)


def command(folder: str, **options: int) -> float:
    everything = {
        "budget": "200K",
        "space": "demo",
        "pruner": "none",
        "device": "cpu",
        "data_root": folder,
        **PINS,
        **options,
    }
    words = [part for name, value in everything.items() for part in (f"--{name}", str(value))]
    variables = {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "entrypoints.hpo", *words],
        cwd=folder,
        env=os.environ | variables,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2)
