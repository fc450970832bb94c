"""Numbers that parse and mean nothing are refused in one line that names the bound."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from finscale.config import (
    ConfigError,
    Floors,
    Health,
    HpoConfig,
    RelocateConfig,
    Space,
    Study,
    StudyConfig,
    Task,
    TrainConfig,
    Universe,
    VerifyConfig,
    option_names,
    parse,
)
from finscale.config.files import load_named
from finscale.config.places import CONFIGS

COUNTS = ["0", "-1", "1e20", "99999999999999999999", "nan"]
OPTIONS: list[tuple[type[BaseModel], str, list[str]]] = [
    *((HpoConfig, name, COUNTS) for name in ("n_trials", "epochs", "horizon", "context_length")),
    *((HpoConfig, name, COUNTS) for name in ("patch_length", "patch_stride", "n_blocks")),
    *((HpoConfig, name, COUNTS) for name in ("d_model", "n_layers", "n_heads", "d_ff")),
    *((HpoConfig, name, COUNTS) for name in ("warmup_steps", "batch_size")),
    *((TrainConfig, name, COUNTS) for name in ("top_k", "n_seeds")),
    (HpoConfig, "patch_stride", ["61"]),
    (TrainConfig, "top_k", ["101"]),
    (HpoConfig, "seed", COUNTS[1:]),
    (HpoConfig, "timeout", COUNTS[1:]),
    (HpoConfig, "max_steps", COUNTS[1:]),
    *((config, "workers", COUNTS[1:]) for config in (HpoConfig, StudyConfig)),
    *((config, "nproc", COUNTS) for config in (HpoConfig, TrainConfig, StudyConfig)),
    (HpoConfig, "learning_rate", ["5e-324", "1e-9", "1.1", "1e308", "-0.001"]),
    (HpoConfig, "weight_decay", ["1", "1e308", "-1e-9", "nan"]),
    (HpoConfig, "dropout", ["0.96", "1", "-0.1", "inf"]),
    (HpoConfig, "training_share", ["0", "0.01", "100.1", "-5", "nan"]),
    (HpoConfig, "max_artifact_gib", ["0", "1e-300", "1e300", "inf", "nan"]),
]
CASES = [(config, name, text) for config, name, texts in OPTIONS for text in texts]


@pytest.mark.parametrize(("config", "name", "text"), CASES)
def test_an_option_has_bounds(config: type[BaseModel], name: str, text: str) -> None:
    line = rf"\b{name}: expected (.*\d.*; got .?{text}.?\. |a valid integer)"
    with pytest.raises(ConfigError, match=line) as caught:
        parse(config, [f"--{name}={text}"], "hpo")
    assert "\n" not in caught.value.line


def test_every_number_among_the_options_is_tried_here() -> None:
    configs = (HpoConfig, TrainConfig, StudyConfig, VerifyConfig, RelocateConfig)
    numbers = {
        name
        for config in configs
        for name in option_names(config)
        if any(kind in str(config.model_fields[name].annotation) for kind in ("int", "float"))
    }
    assert numbers - {"budget", "samples_per_chunk", "precision"} == {name for _, name, _ in CASES}


FILES: list[tuple[str, type[BaseModel], str, str, object]] = [
    *(("space", Space, "default", "learning_rate", v) for v in ([5e-324, 1e308], [1e-9, 1e-3])),
    ("space", Space, "default", "learning_rate", ["5e-324", "1e308"]),
    ("space", Space, "default", "learning_rate", [1e-3, 1e-4]),
    ("space", Space, "default", "weight_decay", [1e-300, 1e-3]),
    ("space", Space, "default", "weight_decay", [1e-5, 2]),
    ("space", Space, "default", "dropout", [0.3, 0.1]),
    ("space", Space, "default", "dropout", [0.0, 0.99]),
    ("space", Space, "default", "warmup_steps", [10**20]),
    ("space", Space, "default", "warmup_steps", [1e20]),
    ("space", Space, "default", "batch_size", [10**9]),
    ("space", Space, "default", "d_model", [10**9]),
    ("space", Space, "default", "n_layers", [10**9]),
    ("space", Space, "default", "n_heads", [10**9]),
    ("space", Space, "default", "ff_ratio", [10**9]),
    ("space", Space, "default", "context_length", [1]),
    ("space", Space, "default", "patch_length", [10**9]),
    ("space", Space, "default", "d_model", list(range(1, 2_000))),
    *(("task", Task, "threshold_1pct", "rise", v) for v in (1e-300, "1e-300", 1e-6, 1, 1e300)),
    ("task", Task, "control_null", "shuffle", 10**9),
    *(("study", Study, "demo", name, 10**20) for name in ("n_trials", "epochs", "top_k")),
    *(("study", Study, "demo", name, 10**20) for name in ("n_seeds", "seed", "n_blocks")),
    *(("study", Study, "demo", "max_steps", value) for value in (-1, 10**20)),
    *(("study", Study, "demo", "delta", value) for value in (1e-300, 0, 1, float("nan"))),
    ("study", Study, "demo", "horizons", [10**20]),
    ("study", Study, "demo", "budgets", list(range(10_000, 20_001))),
    ("study", Study, "demo", "question", "Is it so? " * 1_000),
    *(("floors", Floors, "default", name, 10**20) for name in ("n_train", "n_effective")),
    *(("health", Health, "default", "pause_celsius", v) for v in (29, 151, 10**20, "hot")),
    *(("health", Health, "default", "stop_celsius", v) for v in (29, 151, float("nan"))),
    *(("health", Health, "default", "pause_s", v) for v in (0, -1, 3_601, float("inf"))),
    ("universe", Universe, "garch", "synthetic", {"volatility": 1e-300}),
]


@pytest.mark.parametrize(("kind", "model", "base", "field", "value"), FILES)
def test_a_files_number_has_bounds(
    tmp_path: Path, kind: str, model: type[BaseModel], base: str, field: str, value: object
) -> None:
    from finscale.config.places import FOLDERS

    folder = tmp_path / FOLDERS[kind]
    folder.mkdir()
    text = (CONFIGS / FOLDERS[kind] / f"{base}.yaml").read_text(encoding="utf-8")
    (folder / "mine.yaml").write_text(yaml.safe_dump(yaml.safe_load(text) | {field: value}))
    with pytest.raises(ConfigError, match=r"mine.*(expected|at most)") as caught:
        load_named(kind, "mine", model, tmp_path)
    assert len(caught.value.line) < 700
