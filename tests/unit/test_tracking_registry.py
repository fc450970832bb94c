"""An alias moves only for a lower mean on the same data."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from finscale.tracking import Candidate
from finscale.tracking.registry import _obstacle

HOLDER = Candidate(0.41, "configuration A", "data", "problem", "chronological", collapsed=False)


def version(candidate: Candidate) -> ModelVersion:
    tags = [ModelVersionTag(key, str(value)) for key, value in asdict(candidate).items()]
    return ModelVersion("patchtst-x", "7", 0, tags=tags)


def obstacle(holder: Candidate, **changes: object) -> str | None:
    better = {"val_loss_mean": 0.40, "configuration": "configuration B"}
    return _obstacle(version(holder), replace(holder, **(better | changes)))


def test_a_lower_mean_on_the_same_data_moves_it() -> None:
    assert obstacle(HOLDER) is None


@pytest.mark.parametrize("mean", [0.41, 0.42, float("nan")])
def test_a_mean_that_is_not_lower_leaves_it(mean: float) -> None:
    assert obstacle(HOLDER, val_loss_mean=mean) == "version 7 has a mean of 0.4100 nats, not higher"


@pytest.mark.parametrize(
    "changes",
    [{"data_sha256": "other"}, {"split": "walk_forward"}, {"problem_sha256": "edited task"}],
)
def test_other_days_cannot_be_compared(changes: dict[str, object]) -> None:
    said = obstacle(HOLDER, **changes)
    assert said is not None and "other data, days or labels" in said


def test_the_same_configuration_again_is_no_move() -> None:
    said = _obstacle(version(HOLDER), HOLDER)
    assert said == "version 7 is this very configuration"


def test_a_collapsed_model_never_replaces_one_that_is_not() -> None:
    assert obstacle(HOLDER, collapsed=True) == "version 7 did not collapse, this one did"


def test_a_collapsed_model_replaces_a_collapsed_one() -> None:
    collapsed = replace(HOLDER, collapsed=True)
    assert obstacle(collapsed) is None
    assert obstacle(collapsed, collapsed=False) is None
