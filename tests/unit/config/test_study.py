"""The matrix of a study, and the names of problems and cells."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import (
    ConfigError,
    Floors,
    Health,
    HpoConfig,
    Problem,
    Study,
    TrainConfig,
    Universe,
    load_study,
    load_universe,
)
from finscale.pipeline.problem.identity import study_identity
from finscale.pipeline.study import piece_weights


def test_the_matrix_goes_problem_by_problem_small_budgets_first() -> None:
    plan = Study.model_validate(
        {
            **dict(load_study("demo")),
            "tasks": ["threshold_2pct", "threshold_0p5pct"],
            "horizons": [3, 1, 7],
            "budgets": ["2M", "32K", "2.5M"],
            "n_trials": 11,
            "epochs": 13,
            "top_k": 2,
            "n_seeds": 5,
            "seed": 17,
        }
    )
    cells = plan.cells(Path("elsewhere"), "cpu")
    problems = [
        f"sp500.threshold_{rise}.h{horizon}.daily.a20"
        for rise in ("2pct", "0p5pct")
        for horizon in (3, 1, 7)
    ]
    expected = [f"{problem}.{size}" for problem in problems for size in ("32K", "2M", "2500K")]
    assert [cell.cell_name for cell in cells] == expected
    for cell in cells:
        assert (cell.n_trials, cell.epochs, cell.top_k, cell.n_seeds, cell.seed) == (
            11,
            13,
            2,
            5,
            17,
        )
        assert (cell.data_root, cell.device) == (Path("elsewhere"), "cpu")
        assert cell.health == cell.search.health == Health()
        assert (cell.space.name, cell.pins) == ("demo", {})


def test_the_limits_of_a_studys_command_are_those_of_its_cells() -> None:
    mine = Health(name="mine", pause_celsius=71)
    for cell in load_study("demo").cells(Path("data"), "cpu", health=mine):
        assert cell.health == cell.search.health == mine


def test_a_cell_that_is_named_twice_is_trained_once() -> None:
    plan = Study.model_validate(
        {**dict(load_study("demo")), "horizons": [3, 3], "budgets": ["2M", "32K", "2000K"]}
    )
    cells = plan.cells(Path("data"), "cpu")
    assert [(cell.horizon, cell.budget) for cell in cells] == [(3, 32_000), (3, 2_000_000)]


def test_the_demo_study_spans_the_sizes_that_a_verdict_needs() -> None:
    cells = load_study("demo").cells(Path("data"), "auto")
    budgets = [cell.budget for cell in cells]
    assert budgets == [32_000, 125_000, 500_000, 2_000_000]
    assert max(budgets) / min(budgets) > 10**1.5
    assert all(isinstance(cell, TrainConfig) and cell.n_seeds >= 3 for cell in cells)


# SHA-256 of the dump of each at f959d3f, before studies had blocks and floors.
DUMPS = {
    "demo": "6ad10e6302404297eb2739e1559211f54bbe560c9cb2fc75e1d027513098813d",
    "phase6a": "ac3cc2372929992e0b40c0ba675181e45ccac336423a4af9877bd893b1130a05",
}


def dump(plan: Study) -> str:
    return json.dumps(plan.values(), sort_keys=True)


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_is_what_it_was_before_there_were_more_fields(name: str) -> None:
    plan = load_study(name)
    assert hashlib.sha256(dump(plan).encode()).hexdigest() == DUMPS[name]
    stricter = plan.model_copy(update={"floors": Floors(name="mine", n_train=1_009)})
    assert dump(stricter) == dump(plan)


def test_what_is_not_default_is_in_a_dump() -> None:
    changed = {"n_blocks": 3, "samples_per_chunk": "one", "label_price": "close", "split": "cpcv"}
    changed |= {"max_steps": 7}
    plan = load_study("demo")
    written = plan.model_copy(update=changed).model_dump(mode="json")
    assert written == plan.model_dump(mode="json") | changed


def test_pieces_of_a_study_weigh_what_they_take() -> None:
    """64 times the parameters take 18 times as long on two cores, and not 64 times."""
    plan = load_study("demo")
    weights = piece_weights(plan.cells(Path("data"), "cpu"))
    small, large = (weights[f"sp500.threshold_1pct.h1.daily.a20.{n} search"] for n in ("32K", "2M"))
    assert 16 < large / small < 21
    finals = weights["sp500.threshold_1pct.h1.daily.a20.2M finals"]
    assert large / finals == pytest.approx(plan.n_trials / (plan.top_k * plan.n_seeds))


def test_a_study_passes_its_split_and_floors_on_to_every_cell() -> None:
    floors = Floors(name="mine", n_train=1_009)
    fields = {**dict(load_study("demo")), "split": "walk-forward", "floors": floors}
    plan = Study.model_validate(
        {**fields, "n_blocks": 7, "samples_per_chunk": "one", "max_steps": 17}
    )
    for cell in plan.cells(Path("data"), "cpu"):
        assert (cell.split, cell.n_blocks, cell.samples_per_chunk) == ("walk-forward", 7, "one")
        assert cell.max_steps == cell.search.max_steps == 17
        assert cell.floors is floors
        assert cell.problem_name.endswith(".walk-forward.blocks7")
    assert {cell.floors for cell in load_study("demo").cells(Path("data"), "cpu")} == {Floors()}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "sp500.threshold_1pct.h1.daily.a20"),
        ({"task": "threshold_0p5pct", "horizon": 3}, "sp500.threshold_0p5pct.h3.daily.a20"),
        ({"universe": "nasdaq"}, "nasdaq.threshold_1pct.h1.daily.a20"),
        ({"context_length": 61}, "sp500.threshold_1pct.h1.daily.a20.context61"),
        ({"patch_length": 7}, "sp500.threshold_1pct.h1.daily.a20.patch7s5"),
        ({"patch_stride": 10}, "sp500.threshold_1pct.h1.daily.a20.patch10s10"),
        (
            {"context_length": 120, "patch_length": 16, "patch_stride": 8},
            "sp500.threshold_1pct.h1.daily.a20.context120.patch16s8",
        ),
        # No part of what is predicted, from what: where data lies, how it is searched.
        ({"data_root": "/elsewhere"}, "sp500.threshold_1pct.h1.daily.a20"),
    ],
)
def test_a_problems_name_says_what_differs_from_the_default(
    changed: dict[str, object], name: str
) -> None:
    assert Problem.model_validate(changed).problem_name == name


@pytest.mark.parametrize(
    ("budget", "part"), [("2M", "2M"), ("2.5M", "2500K"), ("20m", "20M"), (1234, "1234")]
)
def test_a_cells_name_ends_with_its_budget(budget: object, part: str) -> None:
    config = HpoConfig.model_validate({"budget": budget, "n_trials": 3, "seed": 5, "d_model": 64})
    assert config.cell_name == f"sp500.threshold_1pct.h1.daily.a20.{part}"


@settings(deadline=None)
@given(
    horizon=st.integers(1, 250),
    context=st.integers(30, 2000),
    length=st.integers(1, 30),
    stride=st.integers(1, 30),
    budget=st.integers(1, 10**10),
)
def test_no_part_of_a_cells_name_is_odd(
    horizon: int, context: int, length: int, stride: int, budget: int
) -> None:
    config = HpoConfig.model_validate(
        {
            "horizon": horizon,
            "context_length": context,
            "patch_length": length,
            "patch_stride": stride,
            "budget": budget,
        }
    )
    parts = config.cell_name.split(".")
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", part) for part in parts)
    others = (context != 60) + ((length, stride) != (10, 5))
    assert len(parts) == 6 + others


def test_a_study_may_hold_several_universes() -> None:
    plan = load_study("calibration")
    names = ["control_null", "control_flat", "control_signal", "control_scaling"]
    assert [universe["name"] for universe in plan.values()["universes"]] == names
    problems = [cell.problem_name for cell in plan.cells(Path("data"), "cpu")]
    assert problems[::4] == [f"{name}.direction.h1.daily.a20" for name in names]
    assert len(problems) == 16


def demo(**changed: Any) -> Study:
    return Study.model_validate({**dict(load_study("demo")), **changed})


def test_timescales_and_vix_are_axes_of_the_matrix() -> None:
    plan = demo(
        universes=["sp500-vix"],
        timescales=["weekly", "daily+multi"],
        feature_tiers=["a20", "a50"],
        vix=[False, True],
        budgets=["2M", "32K"],
    )
    problems = [
        f"sp500-vix.threshold_1pct.h1.{timescale}.{tier}{vix}"
        for timescale in ("weekly", "daily+multi")
        for tier in ("a20", "a50")
        for vix in ("", ".vix")
    ]
    cells = plan.cells(Path("data"), "cpu")
    expected = [f"{problem}.{size}" for problem in problems for size in ("32K", "2M")]
    assert [cell.cell_name for cell in cells] == expected
    assert [cell.vix for cell in cells[:4]] == [False, False, True, True]
    assert {cell.timescale for cell in cells[8:]} == {"daily+multi"}


def test_an_axis_at_its_default_is_not_written_down() -> None:
    plan = demo(timescales=["daily"], vix=[False])
    assert plan == load_study("demo") and dump(plan) == dump(load_study("demo"))
    assert not {"timescales", "vix"} & set(plan.values())
    assert [cell.cell_name for cell in plan.cells(Path("data"), "cpu")] == [
        f"sp500.threshold_1pct.h1.daily.a20.{size}" for size in ("32K", "125K", "500K", "2M")
    ]


def test_another_axis_makes_another_study() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"vix": [True]},
        {"vix": [False, True]},
        {"timescales": ["weekly"]},
        {"timescales": ["daily", "weekly"]},
        {"timescales": ["weekly"], "vix": [True]},
    ]
    plans = [demo(**change) for change in changes]
    assert len({study_identity(plan) for plan in plans}) == len(changes)
    assert plans[1].values()["vix"] == [True] and "vix" not in plans[0].values()


def test_that_there_is_the_usual_vix_makes_no_other_study_and_another_index_does() -> None:
    def of(vix: str | None, asked: bool) -> str:
        universe = load_universe("sp500").model_copy(update={"vix": vix})
        return study_identity(demo(universes=[universe], vix=[asked]))

    assert of(None, False) == of("^VIX", False) == study_identity(load_study("demo"))
    assert len({of("^VIX", False), of("^VIX", True), of("^VXN", True)}) == 3


@pytest.mark.parametrize("asked", [[True], [False, True]])
def test_a_study_with_the_vix_wants_universes_with_one(asked: list[bool]) -> None:
    bare = Universe.model_validate({**dict(load_universe("sp500")), "name": "bare", "vix": None})
    said = "vix: expected a universe with a VIX; got universe bare without one. Take vix=false"
    with pytest.raises(ConfigError, match=said) as caught:
        demo(universes=["sp500", bare], vix=asked)
    assert len(caught.value.line.splitlines()) == 1
    assert len(demo(universes=["sp500", bare]).cells(Path("data"), "cpu")) == 8


@pytest.mark.parametrize(
    ("axis", "values"), [("timescales", []), ("vix", []), ("timescales", ["hourly"])]
)
def test_an_axis_holds_something_that_there_is(axis: str, values: list[str]) -> None:
    with pytest.raises(ValueError, match=axis):
        demo(**{axis: values})
