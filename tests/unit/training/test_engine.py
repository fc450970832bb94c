"""Engines: batches of one shape, capture, and compiled layers give what eager steps give.

Legend: `T` bars, `C` channels, `M` models, `B` batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from finscale.config import AskedCompile, ConfigError
from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Signal,
    bce_loss,
    fit,
    predict,
)
from finscale.training.state.state import TrainingState
from finscale.training.steps.engine import TOO_SHORT, choose_engine
from finscale.training.steps.fixed_shape import FixedShapeStep, Replay, repeated
from finscale.training.steps.measuring import temporary_states
from finscale.training.steps.steps import OneModelStep, StackedStep, Step
from tests.tiny_training import ARCH, problem

SETTINGS = FitSettings(
    epochs=3, learning_rate=0.02, weight_decay=1e-3, warmup_steps=2, batch_size=16, seed=11
)
CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


def a_step(n_models: int, arch: Architecture = ARCH) -> tuple[Step, list[TrainingState]]:
    torch.manual_seed(5)
    states = temporary_states(arch, SETTINGS, n_models, CPU)
    train, _ = problem()
    if n_models == 1:
        return OneModelStep(states[0], train, SETTINGS, bce_loss), states
    return StackedStep(states, train, SETTINGS, bce_loss), states


def as_a_graph(work: Callable[[], None]) -> Replay:
    """Execute a function before it is repeated, as a capture on a device does."""
    for _ in range(3):
        work()
    return work


def left(states: list[TrainingState]) -> list[torch.Tensor]:
    """Return all that steps leave: weights, moments, sums of losses, largest norms."""
    return [
        tensor
        for state in states
        for tensor in (
            *state.model.parameters(),
            *(moment for of_one in state.optimiser.state.values() for moment in of_one.values()),
            state.losses,
            state.largest_norm,
        )
    ]


@pytest.mark.parametrize("n_models", [1, 2])
@pytest.mark.parametrize("capture", [repeated, as_a_graph])
def test_a_filled_batch_is_the_smaller_batch(
    n_models: int, capture: Callable[[Callable[[], None]], Replay]
) -> None:
    """Batches of 16, 16 and 5, and one of 1: their losses, gradients and norms."""
    plain, expected = a_step(n_models)
    inner, states = a_step(n_models)
    filled = FixedShapeStep(inner, states, 16, capture)
    order_MN = torch.randperm(53, generator=torch.Generator().manual_seed(3)).expand(n_models, 53)
    for which_MB in (*order_MN[:, :37].split(16, dim=1), order_MN[:, 37:38]):
        plain(which_MB, 0.01)
        filled(which_MB, 0.01)
    # Not the weights: the biases of keys change no output, and so they follow rounding errors.
    for mine, theirs in zip(states, expected, strict=True):
        for now, then in zip(left([mine]), left([theirs]), strict=True):
            if not isinstance(now, nn.Parameter):
                torch.testing.assert_close(now, then, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(
            predict(mine.model, problem()[1]), predict(theirs.model, problem()[1])
        )


def test_capture_leaves_a_resumed_state_as_it_was() -> None:
    inner, states = a_step(1)
    inner(torch.arange(16)[None], 0.01)
    before = [tensor.detach().clone() for tensor in left(states)]
    FixedShapeStep(inner, states, 16, as_a_graph)
    for now, then in zip(left(states), before, strict=True):
        assert torch.equal(now, then)


def test_what_is_asked_for_is_taken() -> None:
    assert choose_engine("false", ARCH, SETTINGS, 100, CPU).name == "eager"


def no_compiler(*_: object, **__: object) -> None:
    raise RuntimeError("No working C++ compiler found\n(many more lines)")


def test_a_long_training_goes_on_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.compile", no_compiler)
    monkeypatch.setattr("finscale.training.steps.engine.COMPILE_S", 0.0)
    engine = choose_engine("auto", ARCH, SETTINGS, 1_000, CPU)
    assert engine.name == "eager"
    assert engine.reason == "an attempt failed: RuntimeError: No working C++ compiler found"


def test_compilation_that_is_asked_for_and_impossible_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.compile", no_compiler)
    with pytest.raises(ConfigError, match=r"compile: expected .*; got RuntimeError") as caught:
        choose_engine("true", ARCH, SETTINGS, 1_000, CPU)
    assert "\n" not in caught.value.line


def test_the_choice_leaves_the_draws_of_dropout_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.compile", lambda layer: layer)
    monkeypatch.setattr("finscale.training.steps.engine.COMPILE_S", 0.0)
    before = torch.get_rng_state()
    asked: AskedCompile
    for asked in ("auto", "true"):
        choose_engine(asked, replace(ARCH, dropout=0.3), SETTINGS, 1_000, CPU)
        assert torch.equal(torch.get_rng_state(), before)


def test_a_short_training_is_not_compiled() -> None:
    engine = choose_engine("auto", ARCH, SETTINGS, 1_000, CPU)
    assert engine.name == "eager" and engine.reason == TOO_SHORT


def test_a_result_names_its_engine() -> None:
    result, _ = trained("auto")
    assert result.engine == f"eager: {TOO_SHORT}"


def trained(
    compile: str, arch: Architecture = ARCH, checkpoints: Checkpoints | None = None
) -> tuple[FitResult, list[float]]:
    torch.manual_seed(5)
    losses: list[float] = []

    def on_epoch(epoch: Epoch) -> Signal:
        losses.extend([epoch.train_loss, epoch.val_loss])
        return Signal.CONTINUE

    result = fit(
        PatchTST(arch), *problem(), SETTINGS, on_epoch=on_epoch, compile=compile,
        checkpoints=checkpoints,
    )  # fmt: skip
    return result, losses


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # within torch
def test_compiled_layers_give_the_losses_of_eager_ones_and_are_compiled_once() -> None:
    torch._dynamo.utils.counters.clear()
    result, losses = trained("true")
    assert result.engine.startswith("compiled")
    assert losses == pytest.approx(trained("false")[1], rel=1e-5)
    deeper, _ = trained("true", replace(ARCH, n_layers=7))
    assert deeper.engine.startswith("compiled")
    # One graph for all layers, and none anew for the last batch, for validation or more layers.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
