"""The health of the machine while models train: heat, and the speed that is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finscale.config import Precision, SearchConfig, spell, stop_asked
from finscale.model import Architecture, forward_flops
from finscale.pipeline.running.progress import Line, Listen
from finscale.tracking import curve
from finscale.training import (
    Epoch,
    ThermalGuard,
    check_heat,
    matrix_flops_per_second,
    sensors,
)

if TYPE_CHECKING:
    import torch

    from finscale.config import Health


def guard_of(verb: str, config: SearchConfig, device: torch.device, listen: Listen) -> ThermalGuard:
    """Return the guard of the trainings of a verb, which also hears the user's wish to stop."""

    def say(text: str) -> None:
        listen(Line(f"{config.cell_name}: {text}"))

    todo = f"What is finished is kept. When it is cooler, go on: {spell(verb, config)}"
    return ThermalGuard(config.health, sensors(device), say, todo, is_stopping=stop_asked)


def check_cool(limits: Health, device: torch.device) -> None:
    """Refuse to begin anything on a machine that is too hot.

    Raises
    ------
    ThermalError
        With the temperature and the limit.
    """
    todo = "Nothing was begun. Give the same command when it is cooler."
    check_heat(limits, sensors(device), todo)


def speed_curves(
    epoch: Epoch,
    arch: Architecture,
    precision: Precision,
    device: torch.device,
    guard: ThermalGuard,
) -> dict[str, float]:
    """Return how fast an epoch trained, what share of the device that is, and how hot it got.

    The share is the model's floating-point operations (three times those of a forward pass) per
    second, by the measured rate of large matrix products in the same precision.
    """
    highest = guard.highest(epoch.seconds)
    heat = {} if highest is None else {curve("max_temperature"): highest}
    if not epoch.seconds:
        return heat
    rate = epoch.n_samples / epoch.seconds
    flops = 3.0 * forward_flops(arch) * rate
    return heat | {
        curve("samples_per_second"): rate,
        curve("flops_per_second"): flops,
        curve("matrix_share"): flops / matrix_flops_per_second(device, precision),
    }
