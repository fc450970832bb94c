"""Epochs reach the store live, in few calls, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from finscale.pipeline.running import epoch_log
from finscale.pipeline.running.epoch_log import EpochLog
from finscale.pipeline.running.progress import Line
from finscale.pipeline.running.renewal import renewing
from finscale.tracking import Run
from finscale.training import Epoch, Signal


@dataclass
class Store:
    """A run that keeps what it is told."""

    calls: list[list[int]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    renewals: int = 0

    def epochs(self, curves: Mapping[int, Mapping[str, float]]) -> None:
        self.calls.append(list(curves))
        self.keys |= {key for values in curves.values() for key in values}

    def renew_lease(self) -> None:
        self.renewals += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(epoch_log.time, "monotonic", lambda: now[0])
    return now


def logging(store: Store, own: Store | None = None, **options: Any) -> EpochLog:
    values = {"done": 0, "decide": lambda epoch: Signal.PRUNE, **options}
    return EpochLog(cast(Run, store), cast(Run | None, own), **values)


def tell(log: EpochLog, *numbers: int) -> None:
    for number in numbers:
        assert log(Epoch(number, 0.5, 0.4, 1e-3)) is Signal.PRUNE


def test_the_first_is_written_at_once_and_short_ones_together(clock: list[float]) -> None:
    store = Store()
    log = logging(store)
    tell(log, 1, 2, 3)
    assert store.calls == [[1]]
    clock[0] += 2.0
    tell(log, 4, 5)
    assert store.calls == [[1], [2, 3, 4]]
    log.flush()
    log.flush()
    assert store.calls == [[1], [2, 3, 4], [5]]


def test_long_epochs_are_written_each_on_its_own(clock: list[float]) -> None:
    store = Store()
    log = logging(store)
    for number in (1, 2, 3):
        tell(log, number)
        clock[0] += 7.0
    assert store.calls == [[1], [2], [3]]


def test_what_an_earlier_attempt_has_logged_is_not_logged_again(clock: list[float]) -> None:
    store = Store()
    log = logging(store, done=3)
    tell(log, 2, 3, 4)
    log.flush()
    assert clock and store.calls == [[4]]


def test_later_folds_go_on_counting_and_hide_their_validation(clock: list[float]) -> None:
    first, later = Store(), Store()
    tell(logging(first), 1)
    tell(logging(later, offset=13), 1)
    assert clock and later.calls == [[14]]
    assert first.keys - later.keys == {"epoch/val_loss"}


def test_leases_are_renewed_at_once_and_every_few_minutes(clock: list[float]) -> None:
    store, own = Store(), Store()
    log = logging(store, own)
    tell(log, 1, 2)
    assert (store.renewals, own.renewals) == (1, 1)
    clock[0] += 300.0
    tell(log, 3)
    assert (store.renewals, own.renewals) == (2, 2)


def test_a_command_with_workers_renews_its_lease_now_and_then(clock: list[float]) -> None:
    store, heard = Store(), list[object]()
    listen = renewing(heard.append, cast(Run, store))
    for _ in range(3):
        listen(Line("working"))
    assert store.renewals == 0 and len(heard) == 3
    clock[0] += 300.0
    listen(Line("working"))
    listen(Line("working"))
    assert store.renewals == 1 and len(heard) == 5


def test_what_is_measured_stands_in_the_same_call(clock: list[float]) -> None:
    store = Store()
    tell(logging(store, measured=lambda epoch: {"epoch/speed": 7.0 * epoch.number}), 1)
    assert clock and store.calls == [[1]] and "epoch/speed" in store.keys
