"""Parts of a batch, one for each of the processes that train a model together."""

from __future__ import annotations

import pickle

import pytest
import torch

from finscale.config import LostError, RefusedError
from finscale.training.machine.ranks import Ranks


@pytest.mark.parametrize(
    ("n", "count", "parts", "weights"),
    [
        (5, 2, [[10, 11, 12], [13, 14, 10]], [[1, 1, 1], [1, 1, 0]]),
        (1, 2, [[10], [10]], [[1], [0]]),
        (2, 3, [[10], [11], [10]], [[1], [1], [0]]),
        (5, 3, [[10, 11], [12, 13], [14, 10]], [[1, 1], [1, 1], [1, 0]]),
    ],
)
def test_parts_are_of_equal_size_and_count_every_sample_once(
    n: int, count: int, parts: list[list[int]], weights: list[list[int]]
) -> None:
    shared = [Ranks(number, count).share(torch.arange(10, 10 + n)) for number in range(count)]
    assert [which_b.tolist() for which_b, _ in shared] == parts
    assert [weights_b.tolist() for _, weights_b in shared] == weights


def test_ranks_and_batches_have_seeds_of_their_own() -> None:
    seeds = {
        Ranks(number, 3).seed(seed, epoch, batch)
        for number in range(3)
        for seed in (11, 12)
        for epoch in range(5)
        for batch in range(7)
    }
    assert len(seeds) == 3 * 2 * 5 * 7


@pytest.mark.parametrize("kind", [LostError, RefusedError])
def test_an_error_passes_from_one_process_to_another(kind: type[RefusedError]) -> None:
    error = kind("memory", expected="3 GiB", got="2 GiB", todo="Buy some.")
    error.add_note("where it happened")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and again.line == error.line
    assert again.__notes__ == ["where it happened"]
