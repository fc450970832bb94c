"""Pictures of a search: which there are, and that they are pictures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from finscale.search import Methods, Search, search_pictures
from finscale.search import figures as module
from tests.searching import SPACE, PastTrial, searching, walk

PNG = b"\x89PNG"


def test_a_search_with_enough_trials_has_four_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 11)  # fewer than there are
    search = searching(3)
    walk(search, 23, n_trials=40)
    pictures = search_pictures(search.study)
    assert set(pictures) == {"history", "slice", "parallel_coordinate", "importances"}
    assert all(picture.startswith(PNG) for picture in pictures.values())
    assert plt.get_fignums() == []


def test_one_finished_trial_is_too_few() -> None:
    search = searching(3)
    walk(search, 1, n_trials=40)
    assert search_pictures(search.study) == {}


def test_two_objectives_have_a_front() -> None:
    search = Search(SPACE, Methods(3, n_objectives=2))
    for number in range(3):
        trial = search.propose(20)
        assert trial is not None
        search.attach(number, f"run {number}")
        past = PastTrial(trial.past.params, "ok", 0.4 - 0.1 * number, (), 1e9 * (number + 1))
        search.finish(number, past)
    (name,) = pictures = search_pictures(search.study)
    assert name == "pareto_front" and pictures[name].startswith(PNG)
