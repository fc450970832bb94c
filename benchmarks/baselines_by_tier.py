"""What baselines make of more columns: validation losses on ^GSPC by feature tier.

    OMP_NUM_THREADS=1 python benchmarks/baselines_by_tier.py

The bundled index, daily, threshold_1pct at horizon 1; losses in nats. Validation alone is scored:
the test stays closed. A table for docs/benchmarks.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import entrypoints  # noqa: E402, F401  (puts src on the path, silences chatter)
from finscale.config import Floors, Problem  # noqa: E402
from finscale.pipeline.problem.baselines import ensure_baselines  # noqa: E402
from finscale.pipeline.problem.data import load_problem  # noqa: E402

TIERS = ("a20", "a100", "a500")
NAMES = ("prior", "reference", "logistic", "boosting")


def main() -> None:
    """Compute the baselines of each tier, in a store of their own."""
    print(f"| tier | columns | training days | validation days | {' | '.join(NAMES)} |")
    print(f"{'|---' * (4 + len(NAMES))}|", flush=True)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        for tier in TIERS:
            problem = Problem(feature_tier=tier, data_root=Path(folder))
            data = load_problem(problem, Floors(), lambda _: None)
            found = ensure_baselines(data)
            at = data.search.at
            sizes = f"{data.n_channels} | {len(at.train):,} | {len(at.validation):,}"
            losses = " | ".join(f"{found[name].val_loss:.4f}" for name in NAMES)
            print(f"| {tier} | {sizes} | {losses} |", flush=True)


if __name__ == "__main__":
    main()
