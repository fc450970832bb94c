"""Limits of a machine's health: how hot it may get while it trains."""

from __future__ import annotations

from pydantic import model_validator

from finscale.config.bounds import Celsius, Pause
from finscale.config.errors import ConfigError
from finscale.config.files import Named, load_named


class Health(Named):
    """Temperatures at which a training pauses and stops; a file may leave some out.

    They change no result, so they are part of no identity.

    Attributes
    ----------
    pause_celsius : float
        Temperature from which a training pauses.
    pause_s : float
        Seconds of a pause. It is repeated until the machine is cooler.
    stop_celsius : float
        Temperature from which a training stops and none begins.
    """

    name: str = "default"
    pause_celsius: Celsius = 85.0
    pause_s: Pause = 60.0
    stop_celsius: Celsius = 95.0

    @model_validator(mode="after")
    def _pauses_before_it_stops(self) -> Health:
        if self.pause_celsius >= self.stop_celsius:
            raise ConfigError(
                f"health {self.name}, pause_celsius",
                expected=f"less than stop_celsius, which is {self.stop_celsius:g}",
                got=f"{self.pause_celsius:g}",
                todo="Correct one of the two.",
            )
        return self


def load_health(name: object) -> Health:
    """Load limits by name; a `Health` that is already loaded is returned as it is."""
    return name if isinstance(name, Health) else load_named("health", name, Health)
