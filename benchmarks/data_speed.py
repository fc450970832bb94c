"""How long `data` takes beyond imports, from nothing and when everything is up to date.

Each line is a process of its own with a new store and data root; the clock starts when our library
and what it needs are imported. Bundled bars: no network.

    python benchmarks/data_speed.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
CASES = (
    {"universe": "sp500"},
    {"universe": "sp500", "feature_tier": "a500"},
    {"universe": "nasdaq", "feature_tier": "a500", "timescale": "weekly"},
    {"universe": "sp500-vix", "vix": "true"},
)
CHILD = """
import json, sys, time
began = time.perf_counter()
from finscale.config import DataConfig
from finscale.pipeline.data import data
import matplotlib.figure
imported = time.perf_counter()
data(DataConfig(**json.loads(sys.argv[1])), listen=lambda _: None)
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


def measure(options: dict[str, str], folder: Path) -> list[float]:
    """Return the seconds of the imports, and of the command after them."""
    variables = {
        "PYTHONPATH": str(ROOT / "src"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(options | {"data_root": f"{folder}/data"})],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def main() -> None:
    print("| `data` of | imports, s | from nothing, s | again, s |\n|---|---|---|---|")
    for options in CASES:
        rows = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                # MLflow makes its tables once for a store: not what is measured.
                measure({"universe": "garch"}, folder)
                imports, first = measure(options, folder)
                rows.append((imports, first, measure(options, folder)[1]))
        columns = [statistics.median(column) for column in zip(*rows, strict=True)]
        said = ", ".join(f"{name}={value}" for name, value in options.items())
        print(f"| {said} | {' | '.join(f'{seconds:.2f}' for seconds in columns)} |", flush=True)


if __name__ == "__main__":
    main()
