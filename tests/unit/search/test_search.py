"""What a search proposes, what it learns from, and what it stops."""

from __future__ import annotations

from typing import Any

import pytest

from finscale.config import load_space
from finscale.search import (
    Params,
    PastTrial,
    SearchSpace,
    extremes,
    optuna_state,
    shape_of,
)
from tests.searching import GRID, PINS, judged, proposed, searching, walk

CORNERS = extremes(GRID)


def shape(params: Params) -> dict[str, Any]:
    return {axis: params[axis] for axis in shape_of(GRID[0])}


# Proposals.


@pytest.mark.parametrize("seed", [3, 42])
def test_a_resumed_search_goes_on_as_it_would_have(seed: int) -> None:
    # Past the ten random draws with which TPE begins.
    whole = walk(searching(seed), 17, n_trials=20)
    for done in range(len(whole)):
        assert proposed(searching(seed, whole[:done]), 20) == whole[done].params
    half = searching(seed, whole[:13])
    assert walk(half, 4, 20, whole[:13]) == whole


def test_a_proposal_without_a_run_is_proposed_again() -> None:
    search = searching(5)
    past = walk(search, 3, n_trials=20)
    first = search.propose(20)
    assert first == search.propose(20) == searching(5, past).propose(20)
    assert first is not None
    search.attach(first.number, "run 3")
    second = search.propose(20)
    assert second is not None and second.number == 4
    assert second.past.params != first.past.params


def test_another_seed_or_past_proposes_something_else() -> None:
    past = walk(searching(42), 12, n_trials=20)
    usual = proposed(searching(42, past), 20)
    assert proposed(searching(43, past), 20) != usual
    assert proposed(searching(42, past[:-1]), 20) != usual


def test_every_proposal_can_be_trained() -> None:
    pins = {"warmup_steps": 7, "weight_decay": 0.0}
    space = SearchSpace(GRID, load_space("demo"), pins)
    shapes = [shape_of(arch) for arch in GRID]
    for trial in walk(searching(7, space=space), 25, n_trials=25):
        params = trial.params
        assert shape(params) in shapes
        assert (params["warmup_steps"], params["weight_decay"]) == (7, 0.0)
        assert 1e-4 <= params["learning_rate"] <= 1e-3
        assert 0.0 <= params["dropout"] <= 0.3
        assert params["batch_size"] in (64, 128)
        assert params["revin"] in (True, False)
        assert set(params) == set(shapes[0]) | set(PINS)


# Forced extremes.


@pytest.mark.parametrize("n_trials", [1, 2, 3, 4, 7, 11, 12, 20])
def test_corners_come_first_and_are_at_most_half(n_trials: int) -> None:
    n_forced = min(len(CORNERS), 6, n_trials // 2)
    trials = walk(searching(11), n_trials, n_trials)
    forced = [shape(trial.params) for trial in trials[:n_forced]]
    assert forced == [shape_of(corner) for corner in CORNERS[:n_forced]]
    # Their training parameters are drawn all the same.
    assert len({trial.params["learning_rate"] for trial in trials}) == n_trials


def test_after_the_corners_the_sampler_decides() -> None:
    past = walk(searching(11), 2, n_trials=4)
    free = proposed(searching(11, past), 4)
    forced = proposed(searching(11, past), 20)
    assert free is not None
    assert forced is not None
    assert shape(forced) == shape_of(CORNERS[2]) != shape(free)
    # Only the architecture is forced: both hold the same draw.
    assert {k: free[k] for k in PINS} == {k: forced[k] for k in PINS}


def test_a_search_that_grows_tries_the_corners_it_has_not_seen() -> None:
    past = walk(searching(13), 4, n_trials=4)
    seen = [shape(trial.params) for trial in past]
    missing = [shape_of(c) for c in CORNERS if shape_of(c) not in seen]
    assert missing == [shape_of(c) for c in CORNERS[2:]]
    grown = walk(searching(13, past), len(missing), 20, past)
    assert [shape(trial.params) for trial in grown[4:]] == missing


@pytest.mark.parametrize("status", ["pruned", "diverged", "failed"])
def test_a_corner_that_failed_is_not_tried_again(status: str) -> None:
    search = searching(17)
    first = proposed(search, 20)
    assert first is not None
    search.attach(0, "run 0")
    search.finish(0, PastTrial(first, status))
    second = proposed(search, 20)
    assert second is not None
    assert shape(second) == shape_of(CORNERS[1])


# The end of a space.


def test_a_finite_space_is_tried_whole_each_point_once() -> None:
    pins = {k: v for k, v in PINS.items() if k not in ("batch_size", "revin")}
    space = SearchSpace(GRID[:7], load_space("demo"), pins)
    search, seen = searching(19, space=space), list[Params]()
    for number in range(100):
        trial = search.propose(50)
        if trial is None:
            break
        assert trial.number == number
        seen.append(trial.past.params)
        search.attach(number, f"run {number}")
        search.finish(number, judged(number, trial.past.params))
    assert len(seen) == 7 * 2 * 2
    assert all(seen.count(params) == 1 for params in seen)
    assert all(point in seen for point in space.points())


def test_a_space_of_one_point_is_soon_over() -> None:
    space = SearchSpace(GRID[:1], load_space("demo"), PINS)
    search = searching(23, space=space)
    only = proposed(search, 20)
    assert only == {**shape_of(GRID[0]), **PINS}
    search.attach(0, "run 0")
    search.finish(0, PastTrial(only, "failed"))
    assert search.propose(20) is None


# Learning.


def test_it_learns_where_losses_are_low() -> None:
    search = searching(29)
    trials = walk(search, 30, n_trials=30)
    # The loss is least at a rate of 10^-3.5, at no dropout.
    late = [trial.params["dropout"] for trial in trials[20:]]
    early = [trial.params["dropout"] for trial in trials[:10]]
    assert sum(late) / 10 < 0.7 * sum(early) / 10
    assert sum(late) / 10 < 0.1


@pytest.mark.parametrize("status", ["pruned", "diverged", "failed"])
def test_trials_without_a_loss_change_what_comes_next(status: str) -> None:
    past = walk(searching(42), 14, n_trials=20)
    changed = [*past[:-1], PastTrial(past[-1].params, status, None, past[-1].curve)]
    assert past[-1].status == "ok"
    usual, other = proposed(searching(42, past), 20), proposed(searching(42, changed), 20)
    assert usual is not None
    assert other is not None
    assert usual != other


def test_a_trial_outside_the_present_bounds_is_remembered_but_not_learned_from() -> None:
    inside = walk(searching(31), 1, n_trials=20)[0]
    old = PastTrial({**inside.params, "learning_rate": 0.5, "batch_size": 7}, "ok", 0.1, (0.1,))
    search = searching(31, [old])
    assert search.standing().n_finished == 1 and search.standing().best is None
    following = proposed(search, 20)
    assert following is not None
    assert shape(following) == shape_of(CORNERS[1])
    assert following != inside.params


# Pruning.


def finished(*curves: tuple[float, ...], status: str = "ok") -> list[PastTrial]:
    params = {**shape_of(GRID[0]), **PINS}
    return [
        PastTrial(params, status, min(curve) if status == "ok" else None, curve) for curve in curves
    ]


FIVE = finished((0.9, 0.3), (0.8, 0.2), (0.7, 0.6), (0.6, 0.5), (0.5, 0.4))


@pytest.mark.parametrize(
    ("curve", "pruned"),
    [
        ((0.69,), False),  # the median after one epoch is 0.7
        ((0.71,), True),
        ((0.7,), False),
        ((0.71, 0.39), False),  # after two it is 0.4
        ((0.71, 0.41), True),
        ((0.39, 0.45), False),  # its best so far counts
        ((0.69, 0.45), True),  # good after one epoch, not after two
    ],
)
def test_a_trial_is_stopped_above_the_median_of_the_same_epoch(
    curve: tuple[float, ...], pruned: bool
) -> None:
    assert searching(1, FIVE).should_prune(7, curve) is pruned


def test_five_finished_trials_are_needed() -> None:
    assert not searching(1, FIVE[:4]).should_prune(7, (99.0,))
    assert not searching(1).should_prune(7, (99.0,))
    others = [
        *FIVE[:4],
        *finished((0.1, 0.1), status="pruned"),
        *finished((0.1, 0.1), status="diverged"),
        *finished((0.1, 0.1), status="failed"),
    ]
    assert not searching(1, others).should_prune(7, (99.0,))
    assert searching(1, [*others, FIVE[4]]).should_prune(7, (0.71,))


def test_a_trial_that_went_further_than_all_others_is_left_alone() -> None:
    assert not searching(1, FIVE).should_prune(7, (0.9, 0.9, 0.9))


def test_pruning_and_proposing_leave_each_other_alone() -> None:
    past = walk(searching(42), 6, n_trials=20)
    search = searching(42, past)
    search.should_prune(7, (0.9,))
    assert proposed(search, 20) == proposed(searching(42, past), 20)


def test_every_status_has_optunas_own_name() -> None:
    names = [optuna_state(status) for status in ("ok", "pruned", "diverged", "failed")]
    assert names == ["COMPLETE", "PRUNED", "FAIL", "FAIL"]
