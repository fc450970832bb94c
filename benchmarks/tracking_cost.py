"""What tracking costs a trial: one recipe trained with and without runs, A B A B in one process.

    .venv/bin/python benchmarks/tracking_cost.py

Prints the rows of a table in docs/benchmarks.md. "With tracking" is a whole `hpo` of one trial: its
parent, its run, every epoch's log, weights and configuration.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import entrypoints  # noqa: E402, F401  (puts src on the path, silences chatter)
from finscale.config import HpoConfig  # noqa: E402
from finscale.pipeline.hpo import hpo  # noqa: E402
from finscale.pipeline.problem.data import load_problem  # noqa: E402
from finscale.pipeline.problem.fitting import Trainee, train_model  # noqa: E402
from finscale.pipeline.problem.recipe import from_params  # noqa: E402
from finscale.pipeline.running import guard_of  # noqa: E402
from finscale.pipeline.searching.setup import search_methods, search_space  # noqa: E402
from finscale.search import Search  # noqa: E402
from finscale.training import Signal, pick_device  # noqa: E402

ROUNDS = 3
SHAPES = {
    "125K": {"d_model": 64, "n_layers": 3, "n_heads": 4, "d_ff": 128},
    "500K": {"d_model": 128, "n_layers": 4, "n_heads": 4, "d_ff": 256},
}


def main() -> None:
    """Time both ways for two sizes, in a store of their own."""
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        tracked(config_of("125K", seed=0, data_root=Path(folder)))  # store, data and baselines
        print("| budget | training alone, s | with tracking, s | overhead, s | share |")
        print("|---|---|---|---|---|")
        for budget in SHAPES:
            pairs = []
            for seed in range(1, ROUNDS + 1):
                config = config_of(budget, seed, Path(folder))
                pairs.append((alone(config), tracked(config)))
            print(row(budget, pairs))


def config_of(budget: str, seed: int, data_root: Path) -> HpoConfig:
    """Pin everything, so that both ways train the same; a new seed makes a new search."""
    return HpoConfig.model_validate(
        {
            "budget": budget,
            "space": "demo",
            "n_trials": 1,
            "epochs": 4,
            "seed": seed,
            "data_root": data_root,
            **SHAPES[budget],
            "learning_rate": 3e-4,
            "weight_decay": 1e-4,
            "warmup_steps": 50,
            "dropout": 0.1,
            "batch_size": 64,
            "revin": False,
        }
    )


def alone(config: HpoConfig) -> float:
    """Train the one recipe with nothing logged; return seconds."""
    data = load_problem(config, config.floors, lambda event: None)
    space = search_space(config, data)
    trial = Search(space, search_methods(config)).propose(1)
    assert trial is not None
    recipe = from_params(trial.past.params, space.architectures[0], config)
    device = pick_device("cpu")
    started = time.perf_counter()
    guard = guard_of("hpo", config, device, lambda event: None)
    trainee = Trainee(config.seed, lambda epoch: Signal.CONTINUE)
    train_model(recipe, data, data.search, config.budget, trainee, device, guard)
    return time.perf_counter() - started


def tracked(config: HpoConfig) -> float:
    """Run the search of that one recipe; return seconds."""
    started = time.perf_counter()
    hpo(config, listen=lambda event: None, study="benchmark")
    return time.perf_counter() - started


def row(budget: str, pairs: list[tuple[float, float]]) -> str:
    """Write medians over rounds."""
    a = statistics.median(first for first, _ in pairs)
    b = statistics.median(second for _, second in pairs)
    return f"| {budget} | {a:.2f} | {b:.2f} | {b - a:.2f} | {(b - a) / b:.1%} |"


if __name__ == "__main__":
    main()
