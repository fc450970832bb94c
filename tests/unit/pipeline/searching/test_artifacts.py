"""Whose weights go: cases by hand, and what holds for any search."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finscale.config import Artifacts
from finscale.pipeline.searching.artifacts import StoredWeights, superfluous

MB = 1_000_000
NO_LIMIT = 10**15


def search(*trials: tuple[float | None, int]) -> list[StoredWeights]:
    """Make trials of (loss, MB), numbered from 0."""
    return [StoredWeights(number, loss, mb * MB) for number, (loss, mb) in enumerate(trials)]


def gone(trials: list[StoredWeights], policy: Artifacts, max_bytes: int = NO_LIMIT) -> list[int]:
    return [removal.number for removal in superfluous(trials, policy, max_bytes)]


LARGE = search((0.5, 101), (0.4, 101), (0.7, 101), (0.3, 101), (0.6, 101))


def test_large_weights_are_kept_of_the_best_three() -> None:
    assert gone(LARGE, "best") == [2, 4]
    assert gone(LARGE, "all") == gone(LARGE, "none") == []
    (first, _) = superfluous(LARGE, "best", NO_LIMIT)
    assert first.why == "removed: large, and not of the best 3"


def test_up_to_100_mb_are_kept_of_every_trial() -> None:
    assert gone(search((0.5, 100), (0.4, 101), (0.7, 100), (0.3, 101), (0.6, 101)), "best") == [4]
    assert gone(search(*[(0.5 + n / 100, 100) for n in range(7)]), "best") == []


def test_small_models_and_those_without_weights_rank_too() -> None:
    # The best three are 0, 1 and 2, of which one is small and one has lost its weights.
    assert gone(search((0.1, 7), (0.2, 0), (0.3, 101), (0.4, 101)), "best") == [3]


def test_of_equal_losses_the_first_is_better() -> None:
    assert gone(search(*[(0.5, 101)] * 5), "best") == [3, 4]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_trial_without_a_loss_is_none_of_the_best(nothing: float | None) -> None:
    assert gone(search((nothing, 101), (0.5, 101)), "best") == [0]
    assert gone(search((nothing, 7), (0.5, 7)), "all", max_bytes=7 * MB) == [0]


@pytest.mark.parametrize("policy", ["best", "all", "none"])
def test_beyond_the_limit_the_oldest_go_first(policy: Artifacts) -> None:
    trials = search((0.5, 40), (0.3, 40), (0.4, 40), (0.6, 0), (0.7, 40))
    limits = {160: [], 159: [0], 120: [0], 119: [0, 2], 80: [0, 2], 79: [0, 2, 4], 40: [0, 2, 4]}
    for limit, expected in limits.items():
        assert gone(trials, policy, limit * MB) == expected, limit
    (first,) = superfluous(trials, policy, 120 * MB)
    assert first.why == "removed: beyond max_artifact_gib"


def test_the_best_stays_where_it_is_larger_than_the_limit() -> None:
    assert gone(search((0.5, 40), (0.3, 40)), "all", max_bytes=39 * MB) == [0]
    assert gone(search((0.3, 40)), "best", max_bytes=0) == []


def test_the_best_is_the_best_of_those_that_have_weights() -> None:
    assert gone(search((0.2, 0), (0.3, 40), (0.4, 40)), "all", max_bytes=0) == [2]


def test_what_the_policy_removes_counts_towards_the_limit_no_more() -> None:
    assert gone(LARGE, "best", max_bytes=303 * MB) == [2, 4]
    assert gone(LARGE, "best", max_bytes=302 * MB) == [2, 4, 0]


def test_a_search_without_trials_keeps_its_peace() -> None:
    assert superfluous([], "best", 0) == []


losses = st.one_of(st.none(), st.just(math.nan), st.floats(0, 1))
searches = st.lists(st.tuples(losses, st.integers(0, 300)), max_size=13)


@given(
    searches.map(lambda pairs: search(*pairs)),
    st.sampled_from(["best", "all", "none"]),
    st.integers(0, 2000).map(lambda mb: mb * MB),
)
def test_no_search_exceeds_its_limit_or_loses_its_best(
    trials: list[StoredWeights], policy: Artifacts, max_bytes: int
) -> None:
    numbers = gone(trials, policy, max_bytes)
    there = [trial for trial in trials if trial.n_bytes]
    left = [trial for trial in there if trial.number not in numbers]
    assert len(set(numbers)) == len(numbers) == len(there) - len(left)
    assert sum(trial.n_bytes for trial in left) <= max_bytes or len(left) == 1
    ok = [trial for trial in there if trial.loss < math.inf]
    if ok and policy != "best":
        assert min(ok, key=lambda trial: (trial.loss, trial.number)) in left
    # Once removed, nothing more is to be done.
    after = [StoredWeights(t.number, t.val_loss, t.n_bytes * (t in left)) for t in trials]
    assert superfluous(after, policy, max_bytes) == []
    assert superfluous(list(reversed(trials)), policy, max_bytes) == superfluous(
        trials, policy, max_bytes
    )


@given(searches.map(lambda pairs: search(*pairs)), st.sampled_from(["best", "all", "none"]))
def test_no_more_goes_than_has_to(trials: list[StoredWeights], policy: Artifacts) -> None:
    rule = gone(trials, policy)
    left = sum(trial.n_bytes for trial in trials if trial.number not in rule)
    assert gone(trials, policy, left) == rule
    sizes = {trial.number: trial.n_bytes for trial in trials}
    for number in gone(trials, policy, max(0, left - 1))[len(rule) : len(rule) + 1]:
        assert gone(trials, policy, left - 1) == [*rule, number]
        assert sizes[number] > 0
