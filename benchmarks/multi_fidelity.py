"""Whether pruning pays: the best loss of a search by the epochs it has trained.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/multi_fidelity.py [seed ...]

Real searches of small models on the bundled index. Epochs, and not seconds, since cores are shared:
an epoch of one budget takes about the same time whatever it is of. A recipe that another search of
the same seed has trained already is replayed from its curve, which equal seeds make equal to the
bit. A table for docs/benchmarks.md.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import mlflow  # noqa: E402

import entrypoints  # noqa: E402, F401  (puts src on the path, silences chatter)
from finscale.config import HpoConfig, Pruner  # noqa: E402
from finscale.pipeline import hpo  # noqa: E402
from finscale.pipeline.searching import trial  # noqa: E402
from finscale.tracking import trials, val_curve  # noqa: E402
from finscale.training import Epoch, Signal  # noqa: E402

EPOCHS = 12
N_TRIALS = 20
MORE = 2
"""With pruning a search may begin that many times the trials, for the same epochs."""
SEEDS = [1, 2, 3]
PRUNERS: tuple[Pruner, ...] = ("none", "median", "hyperband")
HEAD = (
    "| seed | pruner | trials | pruned | epochs | best, nats "
    "| best at half the epochs | best at the same epochs |"
)

Point = tuple[int, float]
"""Epochs trained so far, and the best loss by then."""


def main(seeds: list[int]) -> None:
    print(f"{HEAD}\n{'|---' * 8}|", flush=True)
    for seed in seeds:
        vars(trial)["train_model"] = replaying(trial.train_model)
        whole = 0
        for pruner in PRUNERS:
            points, n_pruned = searched(pruner, seed)
            epochs, best = points[-1]
            whole = whole or epochs
            half, same = (best_within(points, share * whole) for share in (0.5, 1.0))
            print(
                f"| {seed} | {pruner} | {len(points)} | {n_pruned} | {epochs} | {best:.4f} "
                f"| {half:.4f} | {same:.4f} |",
                flush=True,
            )


def searched(pruner: Pruner, seed: int) -> tuple[list[Point], int]:
    """Search in a store that is new; return its points, and how many trials were pruned."""
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        n_trials = N_TRIALS if pruner == "none" else MORE * N_TRIALS
        config = HpoConfig(
            budget="32K",
            space="demo",
            epochs=EPOCHS,
            n_trials=n_trials,
            seed=seed,
            pruner=pruner,
            device="cpu",
            data_root=Path(folder),
        )
        began = time.perf_counter()
        parent = hpo.hpo(config, listen=lambda event: None, study="benchmark")
        seconds = time.perf_counter() - began
        print(f"seed {seed}, {pruner}: {seconds:.0f} s", file=sys.stderr, flush=True)
        frame = trials(parent=parent.run_id)
        frame = frame.assign(number=frame["trial_number"].astype(int)).sort_values("number")
        epochs = [len(val_curve(run_id)) for run_id in frame["run_id"]]
    running = frame["val_loss"].cummin().ffill()
    total = [sum(epochs[: n + 1]) for n in range(len(epochs))]
    return list(zip(total, running, strict=True)), int((frame["status"] == "pruned").sum())


def best_within(points: list[Point], epochs: float) -> float:
    """Return the best loss of the trials that were over by then."""
    return min(loss for total, loss in points if total <= epochs)


def replaying(train: Any) -> Any:
    """Return `train_model` with a memory of what it has trained to the end."""
    known: dict[Any, tuple[list[Epoch], Any]] = {}

    def replay(recipe: Any, data: Any, fold: Any, budget: int, seed: int, *rest: Any) -> Any:
        device, on_epoch, checkpoints = rest
        if (recipe, seed) not in known:
            told: list[Epoch] = []

            def tell(epoch: Epoch) -> Signal:
                told.append(epoch)
                signal: Signal = on_epoch(epoch)
                return signal

            trained = train(recipe, data, fold, budget, seed, device, tell, checkpoints)
            if trained.result.status == "ok":
                known[recipe, seed] = told, trained
            return trained
        curve, trained = known[recipe, seed]
        for epoch in curve:
            if on_epoch(epoch) is Signal.PRUNE:
                cut = {"status": "pruned", "reason": "pruned", "epochs_run": epoch.number}
                return replace(trained, result=replace(trained.result, **cut))
        return trained

    return replay


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or SEEDS)
