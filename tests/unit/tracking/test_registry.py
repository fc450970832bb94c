"""An alias moves only for a lower mean on the same data."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from finscale.tracking import Candidate
from finscale.tracking.registry import obstacle_to

HOLDER = Candidate(
    0.41, "configuration A", "data", "problem", "chronological", collapsed=False, n_seeds=3
)


def version(candidate: Candidate) -> ModelVersion:
    tags = [ModelVersionTag(key, str(value)) for key, value in asdict(candidate).items()]
    return ModelVersion("patchtst-x", "7", 0, tags=tags)


def obstacle(holder: Candidate, **changes: object) -> str | None:
    better = {"val_loss_mean": 0.40, "configuration": "configuration B"}
    return obstacle_to(version(holder), replace(holder, **(better | changes)))


def test_a_lower_mean_on_the_same_data_moves_it() -> None:
    assert obstacle(HOLDER) is None


@pytest.mark.parametrize("mean", [0.41, 0.42, float("nan")])
def test_a_mean_that_is_not_lower_leaves_it(mean: float) -> None:
    assert re.search(r"version 7 .*0\.4100 nats", obstacle(HOLDER, val_loss_mean=mean) or "")


@pytest.mark.parametrize(
    "changes",
    [{"data_sha256": "other"}, {"split": "walk_forward"}, {"problem_sha256": "edited task"}],
)
def test_other_days_cannot_be_compared(changes: dict[str, object]) -> None:
    said = obstacle(HOLDER, **changes)
    assert said is not None and "other data, days or labels" in said


def test_the_same_configuration_again_is_no_move() -> None:
    said = obstacle_to(version(HOLDER), HOLDER)
    assert said is not None and "version 7" in said


def test_a_mean_over_more_seeds_replaces_one_over_fewer_even_if_it_is_higher() -> None:
    known_better = replace(HOLDER, val_loss_mean=0.43, n_seeds=5)
    assert obstacle_to(version(HOLDER), known_better) is None
    assert obstacle_to(version(replace(known_better, n_seeds=2)), HOLDER) is None


def test_a_mean_over_fewer_seeds_replaces_none_over_more() -> None:
    said = obstacle_to(version(HOLDER), replace(HOLDER, val_loss_mean=0.40, n_seeds=2))
    assert said is not None and "over 3 seeds" in said


def test_a_version_of_before_seeds_were_counted_gives_way_to_a_better_known_mean() -> None:
    tags = {key: str(value) for key, value in asdict(HOLDER).items() if key != "n_seeds"}
    old = ModelVersion("patchtst-x", "7", 0, tags=[ModelVersionTag(k, v) for k, v in tags.items()])
    assert obstacle_to(old, replace(HOLDER, val_loss_mean=0.42)) is None
    assert obstacle_to(old, HOLDER) is not None


def test_a_collapsed_model_never_replaces_one_that_is_not() -> None:
    assert "collapse" in (obstacle(HOLDER, collapsed=True) or "")


def test_a_collapsed_model_replaces_a_collapsed_one() -> None:
    collapsed = replace(HOLDER, collapsed=True)
    assert obstacle(collapsed) is None
    assert obstacle(collapsed, collapsed=False) is None
