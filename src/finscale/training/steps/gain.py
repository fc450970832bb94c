"""Gain of training several models in one program, measured by a few steps of temporary models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finscale.model import Architecture, count_params
from finscale.training.inputs import FitSettings
from finscale.training.machine import available_memory_bytes, fit_memory_bytes
from finscale.training.steps.measuring import (
    any_loss,
    least_seconds,
    random_samples,
    temporary_states,
)

# torch takes seconds to import, so it is imported only in the functions that need it.
if TYPE_CHECKING:
    import torch

    from finscale.training.steps.steps import Step

ENOUGH = 1.1
"""Least gain for which models are trained together: a smaller one is within the error of the
measurement."""


@dataclass(frozen=True)
class Gain:
    """Seconds of a training step.

    Attributes
    ----------
    alone_s : float
        Seconds of a step of one model.
    together_s : float
        Seconds of a step of all models in one program.
    n_models : int
        Number of models.
    """

    alone_s: float
    together_s: float
    n_models: int

    @property
    def factor(self) -> float:
        """How many times as fast all models are trained together as one after the other."""
        return self.n_models * self.alone_s / self.together_s

    @property
    def pays(self) -> bool:
        """True if the models should be trained together."""
        return self.n_models > 1 and self.factor >= ENOUGH


def measure_gain(
    arch: Architecture, settings: FitSettings, n_models: int, device: torch.device
) -> Gain:
    """Measure the steps of one model and of `n_models` models in one program, in turns.

    If the models do not fit into memory together, one of them is measured alone.
    """
    import torch

    needed = n_models * fit_memory_bytes(
        arch, settings.batch_size, precision=settings.precision, device_type=device.type
    )
    if needed > available_memory_bytes(device):
        n_models = 1
    from finscale.training.machine import threads_of, using_threads
    from finscale.training.steps.steps import OneModelStep, StackedStep

    n_threads = threads_of(count_params(arch).total, torch.get_num_threads())
    with torch.random.fork_rng(devices=[]), using_threads(n_threads):
        train = random_samples(arch, settings.batch_size, device)
        (alone,) = temporary_states(arch, settings, 1, device)
        steps: list[tuple[Step, int]] = [(OneModelStep(alone, train, settings, any_loss), 1)]
        if n_models > 1:
            several = temporary_states(arch, settings, n_models, device)
            steps.append((StackedStep(several, train, settings, any_loss), n_models))
        seconds = least_seconds(steps, settings.batch_size, device)
    return Gain(seconds[0], seconds[-1], n_models)
