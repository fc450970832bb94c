"""Work side by side in real processes: what becomes of the others when one goes wrong."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from finscale.config import ConfigError, ThermalError, format_budget
from finscale.pipeline.running.progress import Event, Line, Listen
from finscale.pipeline.running.workers import LOST, Failure, available_cores, run_side_by_side

DIES, WRONG, BROKEN, FINE, HOT = 7_000, 8_000, 9_000, 11_000, 13_000


def job(budget: int, listen: Listen) -> None:
    """Do what the budget stands for; the parent imports this by name."""
    listen(Line(f"{format_budget(budget)} {os.environ['OMP_NUM_THREADS']}"))
    if budget == DIES:
        os._exit(9)  # as the kernel does when memory runs out
    if budget == WRONG:
        raise ConfigError("budget", expected="a size", got="'8K'", todo="Correct it.")
    if budget == HOT:
        raise ThermalError("temperature", expected="below 95 °C", got="97 °C", todo="Wait.")
    if budget == BROKEN:
        raise ZeroDivisionError("division by zero")


def pieces(*budgets: int) -> dict[str, int]:
    return {format_budget(budget): budget for budget in budgets}


def by_name(failures: list[Failure]) -> dict[str, str]:
    return {failure.name: failure.line for failure in failures}


def test_a_failing_or_dying_cell_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    heard: list[Event] = []
    work = pieces(DIES, WRONG, BROKEN, FINE, HOT)
    failures = run_side_by_side(job, work, 2, heard.append)
    assert by_name(failures) == {
        "7K": LOST,
        "8K": "budget: expected a size; got '8K'. Correct it.",
        "9K": "ZeroDivisionError: division by zero (traceback in its run)",
        "13K": "temperature: expected below 95 °C; got 97 °C. Wait.",
    }
    assert [each.name for each in failures if each.is_mistake] == ["8K"]
    assert [each.name for each in failures if each.is_heat] == ["13K"]
    share = max(1, available_cores() // 2)
    budgets = ("7K", "8K", "9K", "11K", "13K")
    said = {event.text for event in heard if isinstance(event, Line)}
    assert said == {f"{budget} {share}" for budget in budgets}


def test_with_every_worker_dead_the_rest_is_named_and_nothing_hangs() -> None:
    failures = run_side_by_side(job, pieces(DIES, FINE), 1, lambda _: None)
    assert by_name(failures) == {"7K": LOST, "11K": LOST}


def test_workers_are_gone_when_the_work_is_stopped() -> None:
    def stop(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(job, pieces(FINE), 1, stop)
    assert multiprocessing.active_children() == []
