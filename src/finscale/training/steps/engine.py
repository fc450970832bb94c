"""Choice of the engine of a training: eager, captured in a CUDA graph, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from finscale.config import ConfigError, is_out_of_memory
from finscale.model import (
    Architecture,
    PatchTST,
    count_params,
    forward_flops,
    run_layer,
)
from finscale.training.inputs import FitSettings
from finscale.training.steps.measuring import (
    any_loss,
    least_seconds,
    random_samples,
    temporary_states,
)

if TYPE_CHECKING:
    import torch

    from finscale.config import AskedCompile
    from finscale.training.steps.steps import Step

COMPILE_S = 40.0
"""Seconds that compiling a layer takes, forward and backward: 16 to 37 were measured."""
WORTH = 10.0
"""A compiler is tried if the planned steps take so many times as long as it."""
SLOWEST = 2e9
"""Operations per second that every device exceeds: a short training is known to be one without a
measurement."""
TOO_SHORT = "the planned steps do not repay the start of a compiler"
FEW_LAYERS = 2
"""Layers of the model on which compiled layers are measured: all of them cost the same."""
LARGEST_CAPTURED = 500_000_000
"""Parameters above which operations are so long that starting them does not matter."""
ENOUGH = 1.05
"""Least gain for which an engine is taken."""


@dataclass(frozen=True)
class Engine:
    """How training steps are executed.

    Attributes
    ----------
    is_compiled : bool
        Whether `torch.compile` has compiled the encoder layer, which all layers share.
    is_captured : bool
        Whether whole steps are replayed as a CUDA graph.
    reason : str
        Why this engine was chosen.
    """

    is_compiled: bool = False
    is_captured: bool = False
    reason: str = ""

    @property
    def name(self) -> str:
        """The engine as text."""
        parts = [("compiled", self.is_compiled), ("captured", self.is_captured)]
        return " and ".join(part for part, is_taken in parts if is_taken) or "eager"


def compile_layers(model: PatchTST) -> None:
    """Let `torch.compile` compile the encoder layer once, for all layers of the model."""
    import torch

    model.run_layer = torch.compile(run_layer)


def choose_engine(
    asked: AskedCompile,
    arch: Architecture,
    settings: FitSettings,
    n_steps: int,
    device: torch.device,
) -> Engine:
    """Choose how the steps of one model are executed.

    Parameters
    ----------
    asked : str
        "true" takes every engine that the device has, "false" none, and "auto" those whose
        measured gain over the planned steps is larger than the time that they take to start.
    n_steps : int
        Number of planned steps.

    Raises
    ------
    ConfigError
        If compilation is asked for, and this machine cannot compile.
    """
    can_capture = device.type == "cuda" and count_params(arch).total <= LARGEST_CAPTURED
    if asked == "true":
        _check_compiler(arch, settings, device)
    if asked != "auto":
        return Engine(asked == "true", asked == "true" and can_capture, f"compile={asked}")
    captured = _or_eager(_try_capture, arch, settings, device) if can_capture else Engine()
    try_compile = partial(_try_compile, n_steps=n_steps)
    compiled = _or_eager(try_compile, arch, settings, device)
    reason = "; ".join(filter(None, [captured.reason, compiled.reason]))
    return Engine(compiled.is_compiled, captured.is_captured, reason)


def _or_eager(
    attempt: Callable[[Architecture, FitSettings, torch.device], Engine],
    arch: Architecture,
    settings: FitSettings,
    device: torch.device,
) -> Engine:
    """Return the engine that an attempt chooses; one that fails must not end a training."""
    try:
        return attempt(arch, settings, device)
    except Exception as error:
        return Engine(reason=f"an attempt failed: {_first_line(error)}")


def _check_compiler(arch: Architecture, settings: FitSettings, device: torch.device) -> None:
    """Compile a layer of the model; the training then finds it compiled."""
    import torch

    few = replace(arch, n_layers=1)
    try:
        with torch.random.fork_rng(devices=_cuda(device)):
            step = _layers_step(few, settings, device, is_compiled=True)
            least_seconds([(step, 1)], settings.batch_size, device)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ConfigError(
            "compile",
            expected="a machine on which torch.compile works (on the CPU: with a C++ compiler)",
            got=_first_line(error),
            todo="Leave -P compile out, or install what is missing.",
        ) from None


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def _try_capture(arch: Architecture, settings: FitSettings, device: torch.device) -> Engine:
    """Measure captured steps against eager ones; on this device, capturing takes a moment only."""
    import torch

    from finscale.training.steps.fixed_shape import FixedShapeStep, cuda_graph
    from finscale.training.steps.steps import OneModelStep

    with torch.random.fork_rng(devices=[device]):
        train = random_samples(arch, settings.batch_size, device)
        one, other = temporary_states(arch, settings, 2, device)
        eager = OneModelStep(one, train, settings, any_loss)
        inner = OneModelStep(other, train, settings, any_loss)
        captured = FixedShapeStep(inner, [other], settings.batch_size, cuda_graph)
        eager_s, captured_s = least_seconds(
            [(eager, 1), (captured, 1)], settings.batch_size, device
        )
    gain = eager_s / captured_s
    return Engine(is_captured=gain >= ENOUGH, reason=f"captured {gain:.2f} times as fast")


def _try_compile(
    arch: Architecture, settings: FitSettings, device: torch.device, *, n_steps: int
) -> Engine:
    """Measure a compiled layer against an eager one, if the planned steps take long enough."""
    import torch

    from finscale.training.machine import threads_of, using_threads

    least_s = WORTH * COMPILE_S
    if 3 * forward_flops(arch) * settings.batch_size * n_steps < least_s * SLOWEST:
        return Engine(reason=TOO_SHORT)
    few = replace(arch, n_layers=min(FEW_LAYERS, arch.n_layers))
    n_threads = threads_of(count_params(arch).total, torch.get_num_threads())

    def step(is_compiled: bool) -> Step:
        return _layers_step(few, settings, device, is_compiled=is_compiled)

    with torch.random.fork_rng(devices=_cuda(device)), using_threads(n_threads):
        (eager_s,) = least_seconds([(step(False), 1)], settings.batch_size, device)
        planned_s = n_steps * eager_s * arch.n_layers / few.n_layers
        if planned_s < least_s:
            return Engine(reason=f"{TOO_SHORT}: {planned_s:.0f} s")
        eager_s, compiled_s = least_seconds(
            [(step(False), 1), (step(True), 1)], settings.batch_size, device
        )
    gain = eager_s / compiled_s
    pays = gain >= ENOUGH and planned_s * (1 - 1 / gain) > COMPILE_S
    return Engine(is_compiled=pays, reason=f"compiled {gain:.2f} times as fast")


def _layers_step(
    few: Architecture, settings: FitSettings, device: torch.device, *, is_compiled: bool
) -> Step:
    """Return a step of a temporary model of a few layers."""
    from finscale.training.steps.steps import OneModelStep

    (state,) = temporary_states(few, settings, 1, device)
    if is_compiled:
        assert isinstance(state.model, PatchTST)
        compile_layers(state.model)
    train = random_samples(few, settings.batch_size, device)
    return OneModelStep(state, train, settings, any_loss)


def _cuda(device: torch.device) -> list[Any]:
    return [device] if device.type == "cuda" else []
