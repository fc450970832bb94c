"""Samplers and pruners by name, one objective or two."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from finscale.config import Pruner, Sampler
from finscale.search import Methods, PastTrial, Search, file_address, shape_of
from tests.searching import GRID, PINS, SPACE, proposed, searching, walk

SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_proposes_distinct_points_that_can_be_trained(sampler: Sampler) -> None:
    trials = walk(searching(3, sampler=sampler), 17, n_trials=17)
    shapes = [shape_of(arch) for arch in GRID]
    for trial in trials:
        assert {axis: trial.params[axis] for axis in shapes[0]} in shapes
        assert set(trial.params) == set(shapes[0]) | set(PINS)
        assert 1e-4 <= trial.params["learning_rate"] <= 1e-3
    assert len({trial.params["learning_rate"] for trial in trials}) == 17


@pytest.mark.parametrize("sampler", ["tpe", "gp", "qmc", "random"])
def test_a_sampler_goes_on_from_the_store_alone_as_it_would_have(sampler: Sampler) -> None:
    whole = walk(searching(7, sampler=sampler), 16, n_trials=20)
    for done in (0, 1, 5, 11, 15):
        resumed = searching(7, whole[:done], sampler=sampler)
        assert proposed(resumed, 20) == whole[done].params


def test_cmaes_goes_on_from_its_study_and_starts_anew_from_the_store(tmp_path: Path) -> None:
    methods, address = Methods(7, sampler="cmaes"), file_address(tmp_path, "cmaes")
    whole = walk(searching(7, sampler="cmaes"), 23, n_trials=24)
    past = walk(Search(SPACE, methods, address), 22, n_trials=24)
    assert past == whole[:22]
    assert proposed(Search(SPACE, methods, address), 24) == whole[22].params
    assert proposed(searching(7, past, sampler="cmaes"), 24) is not None


def test_samplers_differ() -> None:
    past = walk(searching(3), 23, n_trials=40)  # past the random draws of a beginning
    proposals = [proposed(searching(3, past, sampler=name), 40) for name in SAMPLERS]
    assert len({str(point) for point in proposals}) == len(SAMPLERS)


def test_a_sequence_fills_the_space_more_evenly_than_chance() -> None:
    def largest_gap(sampler: Sampler) -> float:
        trials = walk(searching(5, sampler=sampler), 32, n_trials=32)
        rates = sorted(trial.params["dropout"] / 0.3 for trial in trials)
        return max(b - a for a, b in zip([0.0, *rates], [*rates, 1.0], strict=True))

    assert largest_gap("qmc") < largest_gap("random")


def curves(*finals: float, length: int = 9) -> list[PastTrial]:
    params = {**shape_of(GRID[0]), **PINS}
    return [PastTrial(params, "ok", last, (last,) * length) for last in finals]


@pytest.mark.parametrize(("pruner", "stops"), [("median", True), ("none", False)])
def test_a_pruner_stops_a_trial_far_above_the_others(pruner: Pruner, stops: bool) -> None:
    search = searching(1, curves(0.3, 0.3, 0.3, 0.3, 0.3), pruner=pruner)
    assert search.should_prune(5, (0.9, 0.9, 0.9)) is stops


def test_hyperband_stops_the_worse_of_what_reached_the_same_rung() -> None:
    search = searching(1, pruner="hyperband", epochs=27)
    stopped: list[bool] = []
    for number in range(12):
        trial = search.propose(20)
        assert trial is not None
        search.attach(trial.number, f"run {number}")
        curve: list[float] = []
        for epoch in range(1, 28):
            curve.append(0.3 + 0.01 * number)  # each worse than all before it
            search.report(trial.number, epoch, curve[-1])
            if search.should_prune(trial.number, curve):
                break
        ended = len(curve) < 27
        stopped.append(ended)
        status, loss = ("pruned", None) if ended else ("ok", curve[-1])
        search.finish(trial.number, PastTrial(trial.past.params, status, loss, tuple(curve)))
    assert not stopped[0] and any(stopped)


def test_two_objectives_keep_the_front_and_prune_nothing() -> None:
    search = searching(11, n_objectives=2)
    for number, (loss, flops) in enumerate([(0.4, 7.0), (0.3, 9.0), (0.5, 8.0)]):
        trial = search.propose(20)
        assert trial is not None
        search.attach(number, f"run {number}")
        search.finish(number, PastTrial(trial.past.params, "ok", loss, (loss,), flops))
    assert {trial.number for trial in search.study.best_trials} == {0, 1}
    assert not search.should_prune(3, (99.0,))
    standing = search.standing()
    assert standing.best is not None
    assert (standing.best.number, standing.best.past.flops) == (1, 9.0)


def test_the_terminator_waits_for_twenty_trials() -> None:
    search = searching(13, sampler="random")
    flat = [PastTrial({**t.params}, "ok", 0.4, (0.4,)) for t in walk(search, 19, n_trials=40)]
    assert not searching(13, flat[:19]).has_converged()
