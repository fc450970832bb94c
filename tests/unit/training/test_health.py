"""A hot machine: trainings pause, stop or do not begin; a broken sensor is named once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from finscale.config import Health, ThermalError
from finscale.training import ThermalGuard, check_heat
from finscale.training.machine import health

LIMITS = Health(name="mine", pause_celsius=83, pause_s=7, stop_celsius=97)
TODO = "Let it cool."


class Machine:
    """Time that passes only while a guard waits, and temperatures that are read one by one."""

    def __init__(self, *readings: float | None) -> None:
        self.now, self.readings, self.waited = 1000.0, list(readings), 0.0
        self.lines: list[str] = []

    def read(self) -> float | None:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    def wait(self, seconds: float) -> None:
        self.now, self.waited = self.now + seconds, self.waited + seconds

    def guard(self, **options: Any) -> ThermalGuard:
        values: dict[str, Any] = {"sensors": {"CPU": self.read}, "told": set(), **options}
        return ThermalGuard(
            LIMITS,
            say=self.lines.append,
            todo=TODO,
            clock=lambda: self.now,
            wait=self.wait,
            **values,
        )

    def looks(self, guard: ThermalGuard) -> bool:
        """Let the guard look at its sensors now."""
        self.now += health.LOOK_EVERY_S
        return guard()


def broken() -> float:
    raise OSError("no such device")


def test_a_cool_machine_trains_on() -> None:
    machine = Machine(82.9)
    guard = machine.guard()
    assert not machine.looks(guard) and (machine.waited, machine.lines) == (0.0, [])
    guard.check()


def test_a_hot_machine_pauses_until_it_is_cooler_and_says_so_once() -> None:
    machine = Machine(83.0, 91.0, 82.0)
    assert not machine.looks(machine.guard())
    assert machine.waited == 14.0
    assert machine.lines == [
        "the CPU has 83 °C: training pauses for 7 s at a time, until it has less than 83 °C."
    ]


def test_a_machine_that_gets_too_hot_stops_in_a_pause_or_at_once() -> None:
    for readings, waited in (((97.0,), 0.0), ((85.0, 98.5), 7.0)):
        machine = Machine(*readings)
        guard = machine.guard()
        assert machine.looks(guard) and guard() and machine.waited == waited
        with pytest.raises(ThermalError) as caught:
            guard.check()
        got = f"{readings[-1]:g}"
        line = f"temperature of the CPU: expected below 97 °C; got {got} °C. Let it cool."
        assert caught.value.line == line


def test_the_hottest_part_counts() -> None:
    machine = Machine(60.0)
    guard = machine.guard(sensors={"CPU": machine.read, "GPU": lambda: 99.0})
    assert machine.looks(guard)
    with pytest.raises(ThermalError, match="temperature of the GPU"):
        guard.check()


def test_sensors_are_read_every_few_seconds_only() -> None:
    machine = Machine(99.0)
    guard = machine.guard()
    machine.now += health.LOOK_EVERY_S - 0.1
    assert not guard()
    machine.now += 0.1
    assert guard()


def test_a_user_who_stops_does_not_wait_for_the_end_of_a_pause() -> None:
    machine = Machine(90.0)
    guard = machine.guard(is_stopping=lambda: machine.waited >= 1.0)
    assert machine.looks(guard) and machine.waited == 1.0
    guard.check()  # it was not the heat


def test_a_sensor_that_cannot_be_read_is_named_once_in_a_process() -> None:
    told: set[str] = set()
    machine = Machine(90.0, 82.0)
    for _ in range(2):
        guard = machine.guard(sensors={"GPU": broken, "CPU": machine.read}, told=told)
        for _ in range(3):
            assert not machine.looks(guard)
    assert machine.lines[0] == (
        "the temperature of the GPU cannot be read (OSError), so it is not watched."
    )
    assert len(machine.lines) == 2 and machine.lines[1].startswith("the CPU has 90 °C")


@pytest.mark.parametrize("reading", [None, 0.0, -273.0, 4_000.0, float("nan")])
def test_a_machine_without_a_working_sensor_is_no_news(reading: float | None) -> None:
    machine = Machine(reading)
    guard = machine.guard()
    assert not machine.looks(guard) and machine.lines == [] and guard.highest(60.0) is None
    check_heat(LIMITS, {"CPU": lambda: reading, "GPU": broken}, TODO)


def test_nothing_begins_on_a_machine_that_is_too_hot() -> None:
    check_heat(LIMITS, {"CPU": lambda: 96.9}, TODO)
    with pytest.raises(ThermalError, match=r"below 97 °C; got 97 °C\. Let it cool\."):
        check_heat(LIMITS, {"CPU": lambda: 97.0}, TODO)


def test_the_highest_temperature_of_the_last_seconds() -> None:
    machine = Machine(79.0, 61.0, 67.0)
    guard = machine.guard()
    assert guard.highest(60.0) is None
    for _ in range(3):  # 5 s from one reading to the next
        machine.looks(guard)
    assert (guard.highest(10.0), guard.highest(5.0)) == (79.0, 67.0)
    machine.now += 100.0
    assert guard.highest(1.0) == 67.0  # the last one that is known


def core(celsius: float) -> Any:
    return SimpleNamespace(current=celsius)


@pytest.mark.parametrize(
    ("chips", "expected"),
    [
        ({}, None),
        ({"coretemp": [core(61.0), core(67.0)], "nvme": [core(71.0)]}, 67.0),
        ({"k10temp": [core(53.0)], "iwlwifi_1": [core(83.0)]}, 53.0),
        ({"nvme": [core(71.0)]}, None),  # a disk is not a processor
    ],
)
def test_the_hottest_core_of_the_processors(
    monkeypatch: pytest.MonkeyPatch, chips: dict[str, Any], expected: float | None
) -> None:
    monkeypatch.setattr(health.psutil, "sensors_temperatures", lambda: chips, raising=False)
    assert health.cpu_celsius() == expected


def test_a_system_on_which_psutil_cannot_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(health.psutil, "sensors_temperatures", raising=False)
    assert health.cpu_celsius() is None


def test_a_gpu_is_watched_where_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[torch.device] = []

    def temperature(device: torch.device) -> int:
        read.append(device)
        return 73

    monkeypatch.setattr(torch.cuda, "temperature", temperature)
    watched: dict[str, Callable[[], float | None]] = health.sensors(torch.device("cuda:1"))
    assert list(watched) == ["CPU", "GPU"] and watched["GPU"]() == 73.0
    assert read == [torch.device("cuda:1")]
    assert list(health.sensors(torch.device("cpu"))) == ["CPU"]
