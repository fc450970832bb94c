"""Thermal guard: a training on a hot machine pauses, and on a hotter one it stops."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psutil

from finscale.config import Health, ThermalError
from finscale.training.inputs import IsStopping, Pace

if TYPE_CHECKING:
    import torch

LOOK_EVERY_S = 5.0
"""Seconds between two looks at the sensors."""
MOST_READINGS = 10_000
"""Readings that are kept: those of half a day."""
SLICE_S = 0.5
"""Seconds after which a pause checks whether the user wants to stop."""
CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal")
"""Names under which Linux lists the sensors of processors."""

Sensor = Callable[[], float | None]
"""Returns a temperature in degrees Celsius, or None if the machine has no such sensor."""
_told: set[str] = set()
"""Parts whose sensor this process has reported as unreadable."""


class Heat(NamedTuple):
    """The temperature of a part of the machine, in degrees Celsius."""

    part: str
    celsius: float


def sensors(device: torch.device) -> dict[str, Sensor]:
    """Return the sensors to watch while a model trains on `device`, by the part they measure."""
    if device.type != "cuda":
        return {"CPU": cpu_celsius}
    return {"CPU": cpu_celsius, "GPU": partial(gpu_celsius, device)}


def cpu_celsius() -> float | None:
    """Return the temperature of the hottest core, or None on a machine that does not tell."""
    read = getattr(psutil, "sensors_temperatures", None)  # not on macOS and Windows
    chips = read() if read else {}
    cores = [core.current for name in CPU_CHIPS for core in chips.get(name, ())]
    return max(cores, default=None)


def gpu_celsius(device: torch.device) -> float | None:
    """Return the temperature of a GPU, which torch reads by NVML."""
    import torch

    return float(torch.cuda.temperature(device))


class ThermalGuard:
    """Watches the temperature while models train; a call answers whether to stop.

    The call belongs between two batches. It returns at once, except that it waits while the machine
    is too hot.

    Parameters
    ----------
    sensors : mapping of str to Sensor
        Sensors by the part of the machine that they measure. One that cannot be read is reported
        once in a process and then left out.
    say : callable
        Receives each line for the user.
    todo : str
        What the user can do after a stop, for the line of the error.
    is_stopping : callable
        Tells whether the user wants to stop; then a pause ends.
    clock, wait : callable, optional
        Return the time in seconds, and wait so many seconds.
    told : set of str, optional
        Parts that were reported as unreadable; by default those of this process.
    """

    def __init__(
        self,
        limits: Health,
        sensors: Mapping[str, Sensor],
        say: Callable[[str], object],
        todo: str,
        *,
        is_stopping: IsStopping = lambda: False,
        clock: Callable[[], float] | None = None,
        wait: Callable[[float], object] | None = None,
        told: set[str] | None = None,
    ) -> None:
        self._limits, self._sensors, self._say = limits, dict(sensors), say
        self._todo, self._is_stopping = todo, is_stopping
        self._clock, self._wait = clock or time.monotonic, wait or time.sleep
        self._told = _told if told is None else told
        self._pace = Pace(LOOK_EVERY_S, self._clock)
        self._readings: deque[tuple[float, float]] = deque(maxlen=MOST_READINGS)
        self._too_hot: Heat | None = None

    def __call__(self) -> bool:
        """Return True if the training has to stop: by the user's wish or because of the heat."""
        if self._pace.is_due():
            heat = self.look()
            if heat and self._is_hot(heat):
                heat = self._pauses(heat)
            self._too_hot = heat if heat and heat.celsius >= self._limits.stop_celsius else None
        return self._too_hot is not None or self._is_stopping()

    def check(self) -> None:
        """Raise the error of a stop because of the heat, if there was one.

        Raises
        ------
        ThermalError
            With the temperature, the limit, and what to do.
        """
        if self._too_hot:
            raise _error(self._too_hot, self._limits, self._todo)

    def highest(self, seconds: float) -> float | None:
        """Return the highest temperature of the last seconds, or else the last one that is known.

        None if nothing was measured.
        """
        since = self._clock() - seconds
        last = [celsius for _, celsius in list(self._readings)[-1:]]
        recent = [celsius for moment, celsius in self._readings if moment >= since]
        return max(recent or last, default=None)

    def _is_hot(self, heat: Heat) -> bool:
        return self._limits.pause_celsius <= heat.celsius < self._limits.stop_celsius

    def _pauses(self, heat: Heat) -> Heat | None:
        """Wait until the machine is cooler, or so hot that the training must stop."""
        limit, seconds = f"{self._limits.pause_celsius:g} °C", f"{self._limits.pause_s:g} s"
        self._say(
            f"the {heat.part} has {heat.celsius:g} °C: training pauses for {seconds} at a time, "
            f"until it has less than {limit}."
        )
        now: Heat | None = heat
        while now and self._is_hot(now) and not self._is_stopping():
            self._rest()
            now = self.look()
        return now

    def _rest(self) -> None:
        until = self._clock() + self._limits.pause_s
        while (left := until - self._clock()) > 0 and not self._is_stopping():
            self._wait(min(SLICE_S, left))

    def look(self) -> Heat | None:
        """Return the hottest part, or None if no sensor tells."""
        with self._pace.taken():
            found = [heat for part in list(self._sensors) if (heat := self._read(part))]
        hottest = max(found, key=lambda heat: heat.celsius, default=None)
        if hottest:
            self._readings.append((self._clock(), hottest.celsius))
        return hottest

    def _read(self, part: str) -> Heat | None:
        try:
            return _heat(part, self._sensors[part])
        except Exception as error:  # each driver has errors of its own
            del self._sensors[part]
            if part not in self._told:
                self._told.add(part)
                self._say(
                    f"the temperature of the {part} cannot be read ({type(error).__name__}), so it "
                    "is not watched."
                )
        return None


def check_heat(limits: Health, sensors: Mapping[str, Sensor], todo: str) -> None:
    """Refuse to begin on a machine so hot that a training would stop at once.

    Sensors that cannot be read are ignored here; the guard of the training reports them.

    Raises
    ------
    ThermalError
        With the temperature, the limit, and what to do.
    """
    quiet = ThermalGuard(limits, sensors, lambda _: None, todo, told=set())
    heat = quiet.look()
    if heat and heat.celsius >= limits.stop_celsius:
        raise _error(heat, limits, todo)


def _heat(part: str, sensor: Sensor) -> Heat | None:
    celsius = sensor()
    # Broken sensors report 0, or values outside any range.
    return Heat(part, celsius) if celsius is not None and 0 < celsius < 200 else None


def _error(heat: Heat, limits: Health, todo: str) -> ThermalError:
    return ThermalError(
        f"temperature of the {heat.part}",
        expected=f"below {limits.stop_celsius:g} °C",
        got=f"{heat.celsius:g} °C",
        todo=todo,
    )
