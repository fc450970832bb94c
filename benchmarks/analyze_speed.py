"""How long `analyze` takes on a full store, and how much memory.

    python benchmarks/analyze_speed.py [--profile]

One problem of twelve cells with three seeds each, the baselines that `train` makes (a perceptron a
cell among them), 2,500 test days of made-up forecasts, and 10,000 trials beside them in sqlite.
The analysis runs in a process of its own; its seconds are those after the imports. `--profile`
adds where they go.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pandas as pd
from query_speed import fill

from finscale.config import AnalyzeConfig, format_budget
from finscale.evaluation import (
    BOOSTING,
    LOGISTIC,
    PERCEPTRON,
    PRIOR,
    REFERENCE,
    bce_with_logits,
    score_outputs,
)
from finscale.model import Architecture, count_params
from finscale.pipeline.problem.predictions import log_predictions
from finscale.pipeline.problem.recipe import Recipe
from finscale.tracking import (
    TEST,
    VALIDATION,
    Kind,
    Run,
    Selected,
    Status,
    Tag,
    create_run,
    fingerprint,
    problem_params,
    sample_metrics,
    score_metrics,
    size_metrics,
)

SHAPES = [
    *((16, 2), (16, 4), (32, 2), (32, 4), (48, 4), (64, 4)),
    *((96, 4), (128, 4), (128, 8), (192, 6), (256, 6), (256, 12)),
]  # 9K to 10M parameters
SEEDS = (43, 44, 45)
N_TRIALS, N_TRAIN, N_VALIDATION, N_TEST = 10_000, 3_000, 750, 2_500
N_FEATURES = 25
CONFIG = AnalyzeConfig()
TAGS = {
    Tag.PROBLEM: CONFIG.problem_name,
    Tag.DATA_SHA256: "d" * 64,
    Tag.DATASET_SHA256: "e" * 64,
    Tag.LABEL_VERSION: "1",
}
ANALYZE = """
import cProfile, pstats, sys, time
from finscale.config import AnalyzeConfig
from finscale.pipeline.analyze import analyze
from finscale.tracking import Tag, runs_frame, search, where
profile = cProfile.Profile() if "--profile" in sys.argv else None
started = time.perf_counter()
if profile:
    profile.enable()
analyze(AnalyzeConfig(), listen=lambda event: None)
seconds = time.perf_counter() - started
(found,) = runs_frame(search(where(KIND="analysis")))["verdict"]
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(f"| {seconds:.1f} s | {int(line.split()[1]) // 1024} MiB | {found} |")
if profile:
    pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
"""


def main(*words: str) -> None:
    with TemporaryDirectory() as folder:
        os.chdir(folder)  # where MLflow keeps the artifacts
        os.environ["MLFLOW_TRACKING_URI"] = fill(Path(folder), N_TRIALS)
        fill_finals()
        print("| finals | baselines | test days | trials | analyze | peak | verdict |")
        print("|---" * 7 + "|")
        n_finals, n_baselines = len(SHAPES) * len(SEEDS), len(SHAPES) + 4
        print(f"| {n_finals} | {n_baselines} | {N_TEST:,} | {N_TRIALS:,} ", end="", flush=True)
        subprocess.run(
            [sys.executable, "-c", ANALYZE, *words],
            env={**os.environ, "PYTHONPATH": sys.path[0]},
            check=True,
        )


def fill_finals() -> None:
    """Write baselines and cells as `train` leaves them; larger models know a little more."""
    rng = np.random.default_rng(42)
    truth = made_up_truth(rng)
    knowledge = {REFERENCE: 0.6, PRIOR: 0.0, LOGISTIC: 0.5, BOOSTING: 0.4}
    for name, known in knowledge.items():
        write_baseline(name, forecasts(truth, known, rng), truth)
    for width, depth in SHAPES:
        write_cell(width, depth, truth, rng)


def made_up_truth(rng: np.random.Generator) -> pd.DataFrame:
    """Make days with labels, and the logit of the chance that made each."""
    days = pd.bdate_range("2006-01-02", periods=N_VALIDATION + N_TEST)
    weather = pd.Series(rng.normal(size=len(days))).ewm(span=20).mean() * 4  # storms come in spells
    logit = weather.to_numpy() - 1.5
    y = (rng.random(len(days)) < 1 / (1 + np.exp(-logit))).astype(float)
    segment = np.repeat([VALIDATION, TEST], [N_VALIDATION, N_TEST])
    return pd.DataFrame({"date": days, "segment": segment, "y": y, "logit": logit})


def forecasts(truth: pd.DataFrame, knowledge: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the rows of ``predictions.parquet`` of something that knows a share of the truth."""
    noise = rng.normal(0, 0.1, len(truth))
    output = -1.5 + knowledge * (truth["logit"] + 1.5) + noise
    loss = pd.Series(bce_with_logits(truth["y"], output)).where(truth["segment"] == VALIDATION)
    fixed = {"ticker": "^GSPC", "block": 0, "log_sigma": np.nan}
    return truth[["date", "segment", "y"]].assign(output=output, loss=loss, **fixed)


def write_cell(width: int, depth: int, truth: pd.DataFrame, rng: np.random.Generator) -> None:
    arch = Architecture(
        n_channels=N_FEATURES, d_model=width, n_layers=depth, n_heads=2, d_ff=2 * width
    )
    recipe = Recipe(arch, 1e-3, 1e-4, warmup_steps=100, batch_size=64, epochs=30)
    size = count_params(arch).total
    budget = format_budget(size)
    ours = {
        **TAGS,
        Tag.CELL: f"{CONFIG.problem_name}.{budget}",
        Tag.CONFIGURATION: fingerprint("configuration", **recipe.params()),
    }
    knowledge = 0.6 + 0.05 * np.log10(size / 100_000)
    parent = create_run(Kind.TRAIN, f"train {budget}", tags=ours)
    for seed in SEEDS:
        tags = {
            **ours,
            Tag.FINGERPRINT: fingerprint(Kind.FINAL, **recipe.params(), seed=seed),
            Tag.SELECTED: Selected.SERVED if seed == SEEDS[0] else Selected.CONFIGURATION,
            Tag.COLLAPSED: "False",
        }
        run = create_run(Kind.FINAL, f"final {budget} seed {seed}", parent=parent, tags=tags)
        params = {"budget": budget, "seed": seed, **recipe.params()}
        write_result(run, forecasts(truth, knowledge, rng), truth, params, size_metrics(arch))
    parent.end(Status.OK, "completed")
    write_baseline(PERCEPTRON, forecasts(truth, knowledge, rng), truth, ours)


def write_baseline(
    name: str, frame: pd.DataFrame, truth: pd.DataFrame, ours: dict[Tag, str] = TAGS
) -> None:
    digest = fingerprint(Kind.BASELINE, name=name, cell=ours.get(Tag.CELL))
    tags = {**ours, Tag.BASELINE: name, Tag.FINGERPRINT: digest}
    run = create_run(Kind.BASELINE, f"{name} {CONFIG.problem_name}", tags=tags)
    write_result(run, frame, truth, {"baseline": name}, {})


def write_result(
    run: Run,
    frame: pd.DataFrame,
    truth: pd.DataFrame,
    params: dict[str, Any],
    metrics: dict[str, float],
) -> None:
    """Write what finals and baselines have in common, and end the run."""
    seen = frame[frame["segment"] == VALIDATION]
    scores = score_outputs(seen["y"], seen[["output"]].to_numpy())
    labels = truth["y"].to_numpy()
    samples = sample_metrics(
        train=labels[-N_TRAIN:],
        validation=labels[:N_VALIDATION],
        n_val_effective=N_VALIDATION,
        is_binary=True,
    )
    run.param({**problem_params(CONFIG, N_FEATURES), **params})
    run.metric({**metrics, **samples, **score_metrics("val", scores, 0.5)})
    run.metric({"train_loss": scores.loss - 0.01})
    log_predictions(run, frame)
    run.end(Status.OK, "completed")


if __name__ == "__main__":
    main(*sys.argv[1:])
