"""Identities that users have stored, to the digit: a change of one orphans every store.

The numbers are those of commit 04ca3f4. A value here is changed only together with the schema
version, and then every fingerprint is another one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from finscale.config import TrainConfig, load_study
from finscale.dataset import PreparedInputs
from finscale.model import Architecture
from finscale.pipeline.problem.data import FoldData, ProblemData
from finscale.pipeline.problem.identity import search_identity, study_identity, train_identity
from finscale.pipeline.problem.recipe import Recipe

SEARCHES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "164787c382902e38", "5bafd21fd111bab3"),
    ({"budget": "20M", "horizon": 3, "task": "direction"}, "ae377098b458a993", "cb4f562967f198e9"),
    (
        {"universe": "sp500-vix", "vix": True, "feature_tier": "a100"},
        "d59be7ef56267adc",
        "1c1b78a9da8946d8",
    ),
    (
        {"split": "walk-forward", "n_layers": 4, "learning_rate": 0.0003},
        "88819786f076b880",
        "4f2c37ae0707d702",
    ),
    (
        {
            **{"sampler": "gp", "pruner": "none", "label_price": "close"},
            "objectives": "val_loss+train_flops",
        },
        "f09d49b0b5c3821f",
        "5ab6b0ae98b4eb80",
    ),
    (
        {"universe": "sp500-pooled", "timescale": "weekly", "context_length": 30},
        "152ade037f0d370f",
        "a2130ad7f6ad0ed7",
    ),
]
STUDIES = {
    "demo": "8a0639253b638ff1",
    "phase6a": "15ea6bfffd845024",
    "calibration": "f730567e58c97075",
    "control_null": "1c222ec4e88d2e88",
}
RESULTS = {
    "trial": "41da5979e93d512e",
    "final": "8707e78ff52e24e7",
    "configuration": "4ff7997f814edeb4",
}


def data_of(config: TrainConfig) -> ProblemData:
    """Return a problem's data as far as an identity looks at them."""
    inputs = PreparedInputs(pd.DataFrame(), pd.DataFrame(), Path(), "b" * 64, "d" * 64, fresh=False)
    nothing = np.zeros(0)
    return ProblemData(config, inputs, nothing, cast(Any, nothing), (), cast(FoldData, None))


@pytest.mark.parametrize(("values", "search", "train"), SEARCHES)
def test_searches_and_their_finals_are_found_again(
    values: dict[str, Any], search: str, train: str
) -> None:
    config = TrainConfig(device="cpu", **values)
    data = data_of(config)
    assert search_identity(config, data).startswith(search)
    assert train_identity(config, data).startswith(train)


def test_a_precision_is_a_part_of_a_search_unless_it_is_float32() -> None:
    usual, plain, other = (
        TrainConfig.model_validate({"device": "cpu", "precision": precision})
        for precision in ("auto", "float32", "bfloat16")
    )
    identities = [search_identity(config, data_of(config)) for config in (usual, plain, other)]
    assert identities[0] == identities[1] != identities[2]


def test_the_number_of_devices_makes_no_other_search() -> None:
    usual, several = TrainConfig(device="cpu"), TrainConfig(device="cpu", nproc=3)
    assert search_identity(several, data_of(several)) == search_identity(usual, data_of(usual))
    assert train_identity(several, data_of(several)) == train_identity(usual, data_of(usual))


def test_a_limit_of_steps_makes_another_search_and_study() -> None:
    usual, short = TrainConfig(device="cpu"), TrainConfig(device="cpu", max_steps=7)
    assert search_identity(short, data_of(short)) != search_identity(usual, data_of(usual))
    demo = load_study("demo")
    assert study_identity(demo.model_copy(update={"max_steps": 7})) != study_identity(demo)


@pytest.mark.parametrize(("name", "identity"), STUDIES.items())
def test_studies_are_found_again(name: str, identity: str) -> None:
    assert study_identity(load_study(name)).startswith(identity)


@pytest.mark.parametrize(("kind", "fingerprint"), RESULTS.items())
def test_results_count_once(kind: str, fingerprint: str) -> None:
    arch = Architecture(n_channels=25, d_model=16, n_layers=2, n_heads=2, d_ff=32, revin=False)
    recipe = Recipe(arch, 1e-3, 1e-4, 20, 128, 3)
    seed = None if kind == "configuration" else 43
    assert recipe.fingerprint(kind, data_of(TrainConfig()), seed).startswith(fingerprint)
    newer: list[dict[str, Any]] = [{"max_steps": 7}, {"precision": "bfloat16"}]
    for changed in newer:
        other = replace(recipe, **changed)
        assert not other.fingerprint(kind, data_of(TrainConfig()), seed).startswith(fingerprint)
