"""Speed of training on this machine, measured by a few steps of temporary models."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from finscale.model import Architecture, count_params, forward_flops
from finscale.training.inputs import FitSettings

# torch takes seconds to import, so it is imported only in the functions that need it.
if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from finscale.training.inputs import Samples
    from finscale.training.state import TrainingState
    from finscale.training.steps.steps import Step

N_STEPS = 3


def measure_flops_per_second(
    arch: Architecture,
    batch_size: int,
    device: torch.device,
    *,
    at_most_s: float = 2.0,
    n_params: int | None = None,
) -> float:
    """Measure the floating-point rate of training by a few steps of a temporary model of `arch`.

    Parameters
    ----------
    n_params : int, optional
        Number of parameters of the model that `arch` stands for, which decides the number of
        threads; by default that of `arch`.
    """
    import torch

    from finscale.training.machine import threads_of, using_threads
    from finscale.training.steps.steps import OneModelStep

    n_threads = threads_of(n_params or count_params(arch).total, torch.get_num_threads())
    settings = any_settings(batch_size)
    with torch.random.fork_rng(devices=[]), using_threads(n_threads):
        (state,) = temporary_states(arch, settings, 1, device)
        step = OneModelStep(state, random_samples(arch, batch_size, device), settings, any_loss)
        seconds = [seconds_of(step, 1, batch_size, device)]  # it also allocates
        while sum(seconds) < at_most_s and len(seconds) < 20:
            seconds.append(seconds_of(step, 1, batch_size, device))
    typical = statistics.median(seconds[1:] or seconds)
    return 3 * forward_flops(arch) * batch_size / typical


def any_settings(batch_size: int) -> FitSettings:
    """Return settings for steps whose result does not matter."""
    return FitSettings(
        epochs=1,
        learning_rate=1e-4,
        weight_decay=0.0,
        warmup_steps=1,
        batch_size=batch_size,
        seed=0,
    )


def temporary_states(
    arch: Architecture, settings: FitSettings, n_models: int, device: torch.device
) -> list[TrainingState]:
    """Return the states of new models that are trained for a moment and then forgotten."""
    import torch

    from finscale.model import PatchTST
    from finscale.training.state import TrainingState
    from finscale.training.steps.steps import make_optimiser

    def state() -> TrainingState:
        model = PatchTST(arch).to(device).train()
        zero = torch.zeros((), device=device)
        return TrainingState(
            model,
            make_optimiser([*model.parameters()], settings),
            torch.Generator(),
            losses=zero,
            largest_norm=zero.clone(),
        )

    return [state() for _ in range(n_models)]


def random_samples(arch: Architecture, n_samples: int, device: torch.device) -> Samples:
    """Return samples of noise."""
    import torch

    from finscale.training.inputs import Samples

    n_bars = arch.context_length + n_samples - 1
    return Samples(
        torch.randn(n_bars, arch.n_channels, device=device),
        torch.arange(arch.context_length - 1, n_bars, device=device),
        torch.zeros(n_samples, device=device),
        arch.context_length,
    )


def any_loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Return losses_B of any kind: their cost is negligible."""
    return (outputs_BK.mean(1) - labels_B).square()


def seconds_of(step: Step, n_models: int, n_batch: int, device: torch.device) -> float:
    """Return the seconds that a step takes."""
    import torch

    which_MB = torch.arange(n_batch, device=device).expand(n_models, n_batch)
    _wait(device)
    began = time.perf_counter()
    step(which_MB, rate=1e-4)
    _wait(device)
    return time.perf_counter() - began


def least_seconds(
    steps: Sequence[tuple[Step, int]], n_batch: int, device: torch.device
) -> list[float]:
    """Return the seconds of the fastest of a few executions of each step, taken in turns.

    Parameters
    ----------
    steps : sequence
        Steps, each with its number of models.
    """
    for step, n_models in steps:
        seconds_of(step, n_models, n_batch, device)  # the first execution also allocates
    taken = [
        [seconds_of(step, n_models, n_batch, device) for step, n_models in steps]
        for _ in range(N_STEPS)
    ]
    return [min(column) for column in zip(*taken, strict=True)]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
