"""Gain of training several models in one program, measured by a few steps of temporary models."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finscale.model import Architecture
from finscale.training.settings import FitSettings

# torch takes seconds to import, so it is imported only in the functions that need it.
if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from finscale.training.state import TrainingState
    from finscale.training.steps import Step

N_STEPS = 3
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
    """Measure the steps of one model and of `n_models` models in one program, in turns."""
    import torch

    from finscale.model import PatchTST
    from finscale.training.samples import Samples
    from finscale.training.state import TrainingState
    from finscale.training.steps import OneModelStep, StackedStep, make_optimiser
    from finscale.training.threads import default_threads, using_threads

    def state() -> TrainingState:
        model = PatchTST(arch).to(device).train()
        optimiser = make_optimiser([*model.parameters()], settings)
        zero = torch.zeros((), device=device)
        return TrainingState(
            model, optimiser, torch.Generator(), losses=zero, largest_norm=zero.clone()
        )

    def loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:  # any loss: its cost is negligible
        return (outputs_BK.mean(1) - labels_B).square()

    n_bars, n_batch = arch.context_length + settings.batch_size - 1, settings.batch_size
    values_TC = torch.randn(n_bars, arch.n_channels, device=device)
    positions_N = torch.arange(arch.context_length - 1, n_bars, device=device)
    train = Samples(
        values_TC, positions_N, torch.zeros(n_batch, device=device), arch.context_length
    )
    with torch.random.fork_rng(devices=[]):  # dropout must not change later random draws
        alone, several = state(), [state() for _ in range(n_models)]
        with using_threads(default_threads(alone.model)):
            steps: list[tuple[Step, int]] = [(OneModelStep(alone, train, settings, loss), 1)]
            if n_models > 1:
                steps.append((StackedStep(several, train, settings, loss), n_models))
            seconds = _least_seconds(steps, n_batch, device)
    return Gain(seconds[0], seconds[-1], n_models)


def _least_seconds(
    steps: list[tuple[Step, int]], n_batch: int, device: torch.device
) -> list[float]:
    """Return the seconds of the fastest of a few executions of each step."""
    import torch

    order_N = torch.arange(n_batch)
    least = [float("inf")] * len(steps)
    for turn in range(N_STEPS + 1):
        for place, (step, n_models) in enumerate(steps):
            _wait(device)
            began = time.perf_counter()
            step(order_N.expand(n_models, n_batch), rate=1e-4)
            _wait(device)
            if turn:  # the first execution also allocates
                least[place] = min(least[place], time.perf_counter() - began)
    return least


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
