"""How long many trials take to become one frame, beside plain `mlflow.search_runs`.

    python benchmarks/query_speed.py [n_trials ...]

Trials of 20 params and 12 metrics are written straight into MLflow's tables (through its client
10,000 would take minutes), then read by both in turns. Memory is the peak of a process that does
nothing but our query, and of one that only imports. A table for docs/benchmarks.md.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import mlflow
import pandas as pd
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import Connection, create_engine, insert

from finscale.tracking import Kind, Tag, trials

N_PARAMS, N_METRICS = 20, 12
ROUNDS = 3
MOST_FOR_MLFLOW = 10_000  # of 50,000 it makes no frame within a quarter of an hour
HEAD = "| trials | `trials()` | `mlflow.search_runs` | ratio | same | peak, MiB | imports, MiB |"
# VmHWM and not ru_maxrss, into which Linux counts the memory of the process that started this one.
PEAK = """
import sys
from finscale.tracking import trials
if "query" in sys.argv:
    trials()
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(line.split()[1]) // 1024)
"""


def main(sizes: list[int]) -> None:
    print(HEAD)
    print("|---" * 7 + "|")
    for n_trials in sizes:
        with TemporaryDirectory() as folder:
            uri = fill(Path(folder), n_trials)
            mlflow.set_tracking_uri(uri)
            ours, theirs, same = measure(with_mlflow=n_trials <= MOST_FOR_MLFLOW)
            beside = f"{theirs:.2f} s | {theirs / ours:.1f} | {same}" if theirs else "- | - | -"
            memory = f"{peak_mib(uri, 'query')} | {peak_mib(uri)}"
            print(f"| {n_trials:,} | {ours:.2f} s | {beside} | {memory} |", flush=True)


def measure(*, with_mlflow: bool) -> tuple[float, float | None, bool]:
    """Return median seconds of both, and whether they found the same."""
    ours: list[float] = []
    theirs: list[float] = []
    same = True
    for _ in range(ROUNDS):
        frame = timed(trials, ours)
        if with_mlflow:
            same = same and is_same(frame, timed(search, theirs))
    return statistics.median(ours), statistics.median(theirs) if theirs else None, same


def peak_mib(uri: str, *words: str) -> int:
    """Return the peak memory of a process of its own, with the query or with imports alone."""
    places = {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words],
        env={**os.environ, **places, "MLFLOW_TRACKING_URI": uri},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


def fill(folder: Path, n_trials: int) -> str:
    """Make a store with trials; return its URI."""
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.MlflowClient(uri).search_experiments()
    with create_engine(uri).begin() as connection:
        for start in range(0, n_trials, 1_000):
            write(connection, range(start, min(start + 1_000, n_trials)))
    return uri


def write(connection: Connection, numbers: range) -> None:
    ids = {number: f"{number:032x}" for number in numbers}
    connection.execute(
        insert(SqlRun),
        [
            {
                "run_uuid": run_id,
                "name": f"t{number:05d}",
                "user_id": "benchmark",
                "experiment_id": 0,
                "status": "FINISHED",
                "start_time": number,
                "end_time": number + 1,
                "lifecycle_stage": "active",
                "artifact_uri": "",
            }
            for number, run_id in ids.items()
        ],
    )
    tags = {Tag.KIND: Kind.TRIAL, Tag.CELL: "sp500.direction.h1.daily.a20.2M", Tag.STATUS: "ok"}
    connection.execute(
        insert(SqlTag),
        [
            {"run_uuid": run_id, "key": str(key), "value": str(value)}
            for run_id in ids.values()
            for key, value in tags.items()
        ],
    )
    connection.execute(
        insert(SqlParam),
        [
            {"run_uuid": run_id, "key": f"param_{k}", "value": str((number * k) % 97)}
            for number, run_id in ids.items()
            for k in range(N_PARAMS)
        ],
    )
    names = ["val_loss", *(f"metric_{k}" for k in range(1, N_METRICS))]
    connection.execute(
        insert(SqlLatestMetric),
        [
            {
                "run_uuid": run_id,
                "key": name,
                "value": math.sin(number + k),
                "timestamp": number,
                "step": 0,
                "is_nan": False,
            }
            for number, run_id in ids.items()
            for k, name in enumerate(names)
        ],
    )


def timed(call: Callable[[], pd.DataFrame], seconds: list[float]) -> pd.DataFrame:
    started = time.perf_counter()
    frame = call()
    seconds.append(time.perf_counter() - started)
    return frame


def search() -> pd.DataFrame:
    frame: pd.DataFrame = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"tags.`{Tag.KIND.value}` = '{Kind.TRIAL.value}'",
        order_by=["metrics.val_loss ASC"],
    )
    return frame


def is_same(frame: pd.DataFrame, plain: pd.DataFrame) -> bool:
    """Tell whether both hold the same runs, losses and params, in the same order."""
    return bool(
        (frame["run_id"] == plain["run_id"]).all()
        and (frame["val_loss"] == plain["metrics.val_loss"]).all()
        and all(
            (frame[f"param_{k}"] == plain[f"params.param_{k}"].astype(int)).all()
            for k in range(N_PARAMS)
        )
    )


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [1_000, 10_000, 50_000])
