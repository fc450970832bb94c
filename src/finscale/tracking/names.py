"""Names of the tracking contract: kinds, tags, metrics and artifacts, defined only here.

MLflow stores params as text, so quantities that are analysed are metrics. The latest value of a
metric is that of its last step, so curves have separate names.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

from finscale.config import WHOLE, Problem

SCHEMA_VERSION = 1
"""Version of the fingerprints. A changed default requires a new version, which changes them all."""


class Kind(StrEnum):
    """Kind of a run (tag ``finscale.kind``)."""

    DATA = "data"
    HPO = "hpo"
    TRIAL = "trial"
    TRAIN = "train"
    FINAL = "final"
    BASELINE = "baseline"
    STUDY = "study"
    ANALYSIS = "analysis"
    INVOCATION = "invocation"


class Status(StrEnum):
    """Result of a run that has ended (tag ``finscale.status``)."""

    OK = "ok"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"
    REFUSED = "refused"


class Selected(StrEnum):
    """Role of a final in the choice of `train` (tag ``finscale.selected``)."""

    SERVED = "served"
    """The best seed of the configuration with the best mean; an alias points to it."""
    CONFIGURATION = "configuration"
    """Another seed of that configuration."""
    NO = "no"


class Tag(StrEnum):
    """Tags of a run; the last four are MLflow's own."""

    KIND = "finscale.kind"
    STUDY = "finscale.study"
    CELL = "finscale.cell"
    PROBLEM = "finscale.problem"
    FINGERPRINT = "finscale.fingerprint"
    CONFIGURATION = "finscale.configuration"
    CELLS = "finscale.cells_sha256"
    DATA_SHA256 = "finscale.data_sha256"
    DATASET_SHA256 = "finscale.dataset_sha256"
    LABEL_VERSION = "finscale.label_version"
    SELECTED = "finscale.selected"
    STATUS = "finscale.status"
    REASON = "finscale.reason"
    COLLAPSED = "finscale.collapsed"
    LEASE = "finscale.lease"
    ATTEMPTS = "finscale.attempts"
    PICTURED = "finscale.pictured_trials"
    RESUMED_EPOCH = "finscale.resumed_epoch"
    BASELINE = "finscale.baseline"
    OPENINGS = "finscale.test_openings"
    ENGINE = "finscale.engine"
    RESOLVED_PRECISION = "finscale.resolved_precision"
    DIRTY = "finscale.git_dirty"
    TARGETS = "finscale.targets"
    COMPLETED = "finscale.completed"
    PROMOTION = "finscale.promotion"
    VERDICT = "finscale.verdict"
    FINALS = "finscale.finals_sha256"
    PARTIAL = "finscale.partial"
    WEIGHTS = "finscale.weights"
    WEIGHTS_BYTES = "finscale.weights_bytes"
    RULES = "finscale.rules"
    TRIAL_NUMBER = "optuna.trial_number"
    TRIAL_STATE = "optuna.state"
    PARENT = "mlflow.parentRunId"
    NOTE = "mlflow.note.content"
    COMMIT = "mlflow.source.git.commit"
    ENTRY_POINT = "mlflow.project.entryPoint"


class Artifact(StrEnum):
    """Files of a run."""

    WEIGHTS = "weights.safetensors"
    CONFIG = "config.json"
    PREDICTIONS = "predictions.parquet"
    TRACEBACK = "traceback.txt"
    MANIFEST = "manifest.json"
    QUALITY = "quality.html"
    DRIFT = "drift.json"
    REPORT = "report.html"
    SUMMARY = "summary.txt"
    FULL_NOTE = "summary.md"
    NUMBERS = "numbers.parquet"


VALIDATION, TEST = "validation", "test"
"""Segments of a run's predictions."""
FIGURES = "figures"
"""Folder of a run's pictures."""
VAL_LOSS = "val_loss"
"""The objective, in nats, for the kept weights. It is logged once, so ``order_by`` is right."""
TRAIN_FLOPS = "train_flops"
"""Floating-point operations of a training, the second objective of a search with two."""
N_PARAMS = "n_params"
N_TOGETHER = "n_trained_together"
"""Number of parameters, counted on the built model."""
SELECTION_OPTIMISM = "selection_optimism"
"""How much better the best trial of a search looks than it is, because it was selected."""


def choice_tag(targets: str) -> str:
    """Return the name of the tag for the choice of a `train` command with these targets.

    >>> choice_tag("n_trials=20 top_k=3 n_seeds=3")
    'finscale.choice.20.3.3'
    """
    return ".".join(["finscale.choice", *(part.partition("=")[2] for part in targets.split())])


IN_STUDY = "true"
"""Value of a `study_tag`."""


def study_tag(name: str) -> str:
    """Return the name of the tag that every run of a study has, even if another study created it.

    >>> study_tag("phase6a")
    'finscale.study.phase6a'
    """
    return f"{Tag.STUDY}.{name}"


def study_tags(name: str | None) -> dict[str, str]:
    """Return the tags of a run that a study creates; empty without a study."""
    return {} if name is None else {Tag.STUDY: name, study_tag(name): IN_STUDY}


def curve(name: str) -> str:
    """Return the name of a per-epoch metric, which differs from the name of the final value."""
    return f"epoch/{name}"


def fingerprint(kind: str, **fields: Any) -> str:
    """Return a digest of everything that changes a result. Runs with equal digests count once.

    Fields that are None are left out, so that a new option at its default keeps old fingerprints.
    """
    kept = {name: value for name, value in fields.items() if value is not None}
    text = json.dumps(
        {"kind": kind, "schema": SCHEMA_VERSION, **kept},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def problem_params(problem: Problem, n_features: int) -> dict[str, Any]:
    """Return the coordinates of a problem. Every run repeats them, as nested runs inherit nothing.

    Values that only one split uses are left out for the others.
    """
    of_task = {"rise": problem.task.rise, "shuffle": problem.task.shuffle}
    of_split: dict[str, Any] = {}
    if problem.split == "walk-forward":
        of_split = {"n_blocks": problem.n_blocks}
    elif problem.split == "chunk":
        of_split = {"samples_per_chunk": problem.samples_per_chunk}
    return {
        "universe": problem.universe.name,
        "ticker": problem.universe.target,
        "task": problem.task.name,
        "task_kind": problem.task.kind,
        "horizon": problem.horizon,
        "timescale": problem.timescale,
        "feature_tier": problem.feature_tier,
        "vix": problem.vix,
        "label_price": problem.price,
        "split": problem.split,
        "context_length": problem.context_length,
        "patch_length": problem.patch_length,
        "patch_stride": problem.patch_stride,
        "n_features": n_features,
        **{name: value for name, value in of_task.items() if value is not None},
        **of_split,
        **({} if problem.training_share == WHOLE else {"training_share": problem.training_share}),
    }


def registered_model_name(problem_name: str) -> str:
    """Return the name of the registered model of a problem.

    >>> registered_model_name("sp500.threshold_1pct.h1.daily.a20")
    'patchtst-sp500-threshold_1pct-h1-daily-a20'
    """
    return "patchtst-" + problem_name.replace(".", "-")


def alias_name(budget: str) -> str:
    """Return the alias of a budget, such as ``best-2M``."""
    return f"best-{budget}"


def alias_uri(problem_name: str, budget: str) -> str:
    """Return the URI of the best model of a budget."""
    return f"models:/{registered_model_name(problem_name)}@{alias_name(budget)}"
