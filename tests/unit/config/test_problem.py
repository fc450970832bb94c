"""A problem's name is its identity: what is in it, what is not, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.utils.validation import _validate_model_name

from finscale.config import (
    TIMESCALES,
    ConfigError,
    Floors,
    HpoConfig,
    Problem,
    Task,
    Universe,
    load_study,
    load_task,
)
from finscale.pipeline.problem.identity import study_identity
from finscale.tracking import registered_model_name

DEFAULT = "sp500.threshold_1pct.h1.daily.a20"
# Of the stores that exist: computed before tasks had kinds and studies had splits (at 40b6848).
DEMO, PHASE6A = "8a0639253b63", "15ea6bfffd84"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, DEFAULT),
        ({"label_price": "close"}, f"{DEFAULT}.close"),
        ({"split": "walk-forward"}, f"{DEFAULT}.walk-forward"),
        ({"split": "walk-forward", "n_blocks": 3}, f"{DEFAULT}.walk-forward.blocks3"),
        ({"split": "chunk"}, f"{DEFAULT}.chunk"),
        ({"split": "chunk", "samples_per_chunk": "one"}, f"{DEFAULT}.chunk.one"),
        ({"split": "cpcv", "context_length": 90}, f"{DEFAULT}.cpcv.context90"),
        ({"label_price": "close", "split": "chunk"}, f"{DEFAULT}.close.chunk"),
        ({"training_share": 25}, f"{DEFAULT}.share25"),
        ({"training_share": 12.5, "context_length": 90}, f"{DEFAULT}.share12p5.context90"),
        ({"training_share": 33.33333334}, f"{DEFAULT}.share33p33333334"),
        ({"training_share": 99.9999999}, f"{DEFAULT}.share99p9999999"),
        ({"training_share": 100}, DEFAULT),
        ({"task": "direction"}, "sp500.direction.h1.daily.a20"),
        ({"task": "regression", "horizon": 5}, "sp500.regression.h5.daily.a20"),
        ({"vix": True}, f"{DEFAULT}.vix"),
        ({"vix": "false"}, DEFAULT),
        # Right after the tier, whatever follows.
        (
            {"vix": True, "label_price": "close", "split": "chunk", "context_length": 90},
            f"{DEFAULT}.vix.close.chunk.context90",
        ),
        ({"timescale": "2wk", "feature_tier": "a500"}, "sp500.threshold_1pct.h1.2wk.a500"),
        (
            {"timescale": "daily+multi", "vix": True},
            "sp500.threshold_1pct.h1.daily+multi.a20.vix",
        ),
        # What the task or the split does not look at makes no other problem.
        ({"task": "direction", "label_price": "close"}, "sp500.direction.h1.daily.a20"),
        ({"n_blocks": 3, "samples_per_chunk": "one"}, DEFAULT),
        ({"split": "walk-forward", "samples_per_chunk": "one"}, f"{DEFAULT}.walk-forward"),
    ],
)
def test_the_name_holds_what_is_not_default(options: dict[str, Any], name: str) -> None:
    problem = Problem(**options)
    assert problem.problem_name == name
    assert len(set(problem.problem_name.split("."))) == len(problem.problem_name.split("."))


@pytest.mark.parametrize(
    ("task", "label_price", "price"),
    [
        ("threshold_1pct", "high", "high"),
        ("threshold_1pct", "close", "close"),
        ("direction", "high", "close"),
        ("regression", "high", "close"),
        ("regression", "close", "close"),
    ],
)
def test_only_thresholds_have_a_choice_of_price(task: str, label_price: str, price: str) -> None:
    problem = Problem.model_validate({"task": task, "label_price": label_price})
    assert problem.price == price


@pytest.mark.parametrize(
    ("name", "kind", "is_binary", "n_outputs"),
    [
        ("threshold_0p5pct", "threshold", True, 1),
        ("direction", "direction", True, 1),
        ("regression", "regression", False, 2),
    ],
)
def test_a_task_binds_its_head(name: str, kind: str, is_binary: bool, n_outputs: int) -> None:
    task = load_task(name)
    assert (task.kind, task.is_binary, task.n_outputs) == (kind, is_binary, n_outputs)


@pytest.mark.parametrize(
    ("fields", "got"),
    [
        ({}, "got kind threshold, rise None"),
        ({"kind": "threshold"}, "got kind threshold, rise None"),
        ({"kind": "direction", "rise": 0.01}, "got kind direction, rise 0.01"),
        ({"kind": "regression", "rise": 0.01}, "got kind regression, rise 0.01"),
    ],
)
def test_a_rise_belongs_to_a_threshold(fields: dict[str, Any], got: str) -> None:
    with pytest.raises(ConfigError, match=f"task mine: expected a rise .*; {got}") as caught:
        Task(name="mine", **fields)
    assert "\n" not in caught.value.line


def universe(**changed: Any) -> Universe:
    return Universe.model_validate({**dict(Problem().universe), **changed})


@pytest.mark.parametrize("timescale", TIMESCALES)
def test_every_timescale_makes_names_that_the_registry_accepts(timescale: str) -> None:
    config = HpoConfig.model_validate({"timescale": timescale, "vix": True})
    assert config.cell_name == f"sp500.threshold_1pct.h1.{timescale}.a20.vix.2M"
    name = registered_model_name(config.problem_name)
    assert name == f"patchtst-sp500-threshold_1pct-h1-{timescale}-a20-vix"
    _validate_model_name(name)
    where = _parse_model_uri(f"models:/{name}@best-2M")
    assert (where.name, where.alias) == (name, "best-2M")


def test_the_vix_wants_a_universe_with_one() -> None:
    assert Problem(vix=True).problem_name == f"{DEFAULT}.vix"
    bare = universe(vix=None)
    assert Problem(universe=bare).problem_name == DEFAULT
    with pytest.raises(ConfigError) as caught:
        Problem(universe=bare, vix=True)
    assert caught.value.line == (
        "vix: expected a universe with a VIX; got universe sp500 without one. "
        "Take vix=false, or add vix to configs/universes/sp500.yaml."
    )


def test_walk_forward_wants_a_universe_that_says_when_it_starts() -> None:
    assert Problem().universe.evaluation_start == date(2009, 1, 2)
    bare = universe(evaluation_start=None)
    assert Problem(universe=bare).problem_name == DEFAULT
    with pytest.raises(ConfigError, match="universe sp500 without evaluation_start") as caught:
        Problem(universe=bare, split="walk-forward")
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("day", [date(1999, 1, 4), date(1990, 1, 1), date(2018, 12, 31)])
def test_evaluation_starts_within_the_universe(day: date) -> None:
    with pytest.raises(ConfigError, match=f"an evaluation_start between .*; got {day}"):
        universe(evaluation_start=day)


def test_a_study_is_what_it_was_in_stores_that_exist() -> None:
    for name, digest in (("demo", DEMO), ("phase6a", PHASE6A)):
        assert study_identity(load_study(name)).startswith(digest)


def test_a_study_of_another_split_or_label_is_another_study() -> None:
    plan = load_study("demo")
    changes: list[dict[str, Any]] = [
        {"split": "walk-forward"},
        {"label_price": "close"},
        {"split": "walk-forward", "n_blocks": 3},
        {"split": "chunk"},
        {"split": "chunk", "samples_per_chunk": "one"},
    ]
    others = [plan.model_copy(update=change) for change in changes]
    assert len({study_identity(study) for study in (plan, *others)}) == 6
    later = plan.universes[0].model_copy(update={"evaluation_start": date(2010, 1, 4)})
    assert study_identity(plan.model_copy(update={"universes": (later,)})) == study_identity(plan)
    moved = others[0].model_copy(update={"universes": (later,)})
    assert study_identity(moved) != study_identity(others[0])


def test_floors_are_no_part_of_an_identity() -> None:
    plan = load_study("demo")
    low = Floors(name="low", n_train=7)
    assert study_identity(plan.model_copy(update={"floors": low})) == study_identity(plan)
    assert HpoConfig(floors=low).cell_name == HpoConfig().cell_name == f"{DEFAULT}.2M"


def test_a_studys_cells_have_its_split_and_label() -> None:
    plan = load_study("demo").model_copy(update={"split": "cpcv", "label_price": "close"})
    names = {cell.problem_name for cell in plan.cells(Problem().data_root, "cpu")}
    assert names == {f"{DEFAULT}.close.cpcv"}


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({}, "h1 sp500"),
        ({"horizon": 3, "feature_tier": "a100", "timescale": "weekly"}, "h3 a100 weekly sp500"),
        ({"universe": "sp500-vix", "vix": True, "task": "direction"}, "h1 vix direction sp500-vix"),
        ({"split": "walk-forward", "label_price": "close"}, "h1 close walk-forward sp500"),
    ],
)
def test_a_title_begins_with_what_differs(values: dict[str, Any], title: str) -> None:
    """A list of runs cuts names after some thirty characters."""
    assert Problem(**values).title == title
