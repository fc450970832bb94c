"""A search whose study lies in a real PostgreSQL: for processes on several machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from finscale.search import Methods, OptunaAddress, Search, turn
from tests.lab import Lab
from tests.searching import SPACE, judged, remembered, searching, walk
from tests.servers import postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with postgres() as address:
        yield address


def test_a_study_is_aligned_shared_and_gone_on_with(storage: str) -> None:
    address, past = OptunaAddress(storage, "shared"), walk(searching(3), 7, n_trials=20)
    mine, theirs = (Search(SPACE, Methods(3), address) for _ in range(2))
    mine.align(remembered(past))
    trial = theirs.propose(20)
    assert trial is not None and trial.number == 7
    theirs.attach(7, "run 7")
    assert [running.key for running in mine.standing().running] == ["run 7"]
    theirs.finish(7, judged(7, trial.past.params))
    assert mine.standing().running == () and mine.is_current()
    assert trial.past.params == walk(searching(3, past), 1, 20, past)[7].params


def test_a_turn_is_one_processs_at_a_time_and_ends_with_its_connection(storage: str) -> None:
    address, other = OptunaAddress(storage, "turns"), OptunaAddress(storage, "others")
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        waits.set()
        with turn(address):
            order.append("second")

    thread = threading.Thread(target=second)
    with turn(address):
        thread.start()
        waits.wait(30)
        with turn(other):  # another search is not held up
            order.append("other")
        thread.join(1.0)  # it could have come in by now
        order.append("first")
    thread.join(30)
    assert order == ["other", "first", "second"]


def test_hpo_keeps_its_study_where_it_is_told(lab: Lab, storage: str) -> None:
    lab.hpo(n_trials=1, storage=storage)
    lab.hpo(n_trials=2, storage=storage)
    assert len(lab.runs("trial")) == 2 and len(lab.runs("hpo")) == 1
    lab.hpo(n_trials=3)  # from the tracking store, in a file
    assert len(lab.runs("trial")) == 3
