"""Several models in one program: each is trained as if it were alone.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from finscale.model import PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Member,
    Signal,
    fit,
    fit_together,
    predict,
    reached,
)
from finscale.training.steps.steps import clip_each
from tests.tiny_training import ARCH as TINY
from tests.tiny_training import problem

ARCH = replace(TINY, n_layers=2, dropout=0.2)
# 53 training samples in batches of 16: 4 steps an epoch, the last of 5 samples.
SETTINGS = FitSettings(
    epochs=7, learning_rate=0.02, weight_decay=1e-3, warmup_steps=5, batch_size=16, seed=0
)
SEEDS = (11, 12, 13)
N_STEPS = 7 * 4

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass
class Outcome:
    """What one model leaves."""

    model: PatchTST
    epochs: list[Epoch] = field(default_factory=list)
    result: FitResult | None = None

    @property
    def losses(self) -> list[float]:
        return [loss for epoch in self.epochs for loss in (epoch.train_loss, epoch.val_loss)]

    @property
    def weights(self) -> Tensor:
        return torch.cat([weight.detach().flatten() for weight in self.model.parameters()])

    @property
    def outputs(self) -> Tensor:
        return predict(self.model, problem()[1])


def beginning(seed: int) -> Outcome:
    torch.manual_seed(seed)
    return Outcome(PatchTST(ARCH))


def alone(seed: int, asked: FitSettings = SETTINGS) -> Outcome:
    outcome = beginning(seed)

    def on_epoch(epoch: Epoch) -> Signal:
        outcome.epochs.append(epoch)
        return Signal.CONTINUE

    outcome.result = fit(outcome.model, *problem(), replace(asked, seed=seed), on_epoch=on_epoch)
    return outcome


def together(
    asked: FitSettings = SETTINGS,
    prune: dict[int, int] | None = None,
    folder: Path | None = None,
    stop_after: int = 10**9,
    outcomes: dict[int, Outcome] | None = None,
) -> dict[int, Outcome]:
    """Train all seeds in one program.

    Parameters
    ----------
    prune : dict
        For a seed, the epoch after which it is pruned.
    stop_after : int
        Number of looks, one before each batch and one after each epoch, after which it is stopped.
    """
    outcomes = outcomes or {}
    members = []
    for seed in SEEDS:
        outcome = beginning(seed)
        if seed in outcomes:
            outcome.epochs = outcomes[seed].epochs

        def on_epoch(epoch: Epoch, seed: int = seed, outcome: Outcome = outcome) -> Signal:
            del outcome.epochs[epoch.number - 1 :]  # reported twice after a resume
            outcome.epochs.append(epoch)
            return Signal.PRUNE if (prune or {}).get(seed) == epoch.number else Signal.CONTINUE

        path = Checkpoints(folder / f"{seed}.safetensors", 0.0) if folder else None
        members.append(Member(outcome.model, seed, on_epoch, path))
        outcomes[seed] = outcome
    looks = iter(range(10**9))
    results = fit_together(
        members, *problem(), asked, is_stopping=lambda: next(looks) >= stop_after
    )
    for outcome, result in zip(outcomes.values(), results, strict=True):
        outcome.result = result
    return outcomes


def assert_same(one: Outcome, other: Outcome, rel: float = 1e-4) -> None:
    # Not the weights: the biases of keys change no output, and so they follow rounding errors.
    assert one.losses == pytest.approx(other.losses, rel=rel)
    torch.testing.assert_close(one.outputs, other.outputs, rtol=1e-2, atol=1e-3)
    assert one.result and other.result
    assert one.result.reason == other.result.reason
    assert one.result.best_epoch == other.result.best_epoch
    assert one.result.n_seen == other.result.n_seen


def test_a_member_equals_the_same_model_trained_alone() -> None:
    for seed, outcome in together().items():
        assert_same(outcome, alone(seed))


def test_members_differ() -> None:
    first, second, _ = together().values()
    assert not torch.allclose(first.weights, second.weights, atol=1e-2)


def test_one_that_stops_early_leaves_and_the_others_go_on() -> None:
    impatient = replace(SETTINGS, epochs=23, patience=3, warmup_steps=2)
    outcomes = together(impatient)
    ends = {outcome.result.epochs_run for outcome in outcomes.values() if outcome.result}
    assert len(ends) > 1, "the case must have different ends"
    for seed, outcome in outcomes.items():
        assert_same(outcome, alone(seed, impatient), rel=1e-3)


def test_a_pruned_one_leaves_too_and_the_last_goes_on_alone() -> None:
    outcomes = together(prune={11: 2, 13: 4})
    assert [len(outcome.epochs) for outcome in outcomes.values()] == [2, 7, 4]
    assert [out.result.status for out in outcomes.values() if out.result] == [
        "pruned",
        "ok",
        "pruned",
    ]
    assert_same(outcomes[12], alone(12))


def test_one_that_diverges_leaves_the_others_unharmed() -> None:
    sick = beginning(12)
    with torch.no_grad():
        sick.model.head.bias.fill_(torch.nan)
    members = [
        Member(model, seed, lambda _: Signal.CONTINUE)
        for seed, model in ((11, beginning(11).model), (12, sick.model), (13, beginning(13).model))
    ]
    results = fit_together(members, *problem(), SETTINGS)
    assert [result.status for result in results] == ["ok", "diverged", "ok"]
    expected = alone(13).result
    assert expected and results[2].val_loss == pytest.approx(expected.val_loss, rel=1e-5)
    assert math.isnan(results[1].val_loss)


@settings(max_examples=20, deadline=None)
@given(stop_after=st.integers(0, N_STEPS + 20))
def test_a_stop_at_any_moment_does_not_change_a_bit(
    tmp_path_factory: pytest.TempPathFactory, stop_after: int
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    whole = together()
    stopped = together(folder=folder, stop_after=stop_after)
    resumed = together(folder=folder, outcomes=stopped)
    for seed in SEEDS:
        assert resumed[seed].losses == whole[seed].losses
        assert torch.equal(resumed[seed].weights, whole[seed].weights)


def test_checkpoints_of_different_moments_are_gone_on_with_in_groups(tmp_path: Path) -> None:
    first = together(folder=tmp_path, stop_after=13)
    early = (tmp_path / "12.safetensors").read_bytes()
    stopped = together(folder=tmp_path, stop_after=9, outcomes=first)
    (tmp_path / "12.safetensors").write_bytes(early)  # a kill came between two writes
    assert reached(tmp_path / "12.safetensors") != reached(tmp_path / "11.safetensors")
    resumed = together(folder=tmp_path, outcomes=stopped)
    for seed, outcome in resumed.items():
        assert_same(outcome, alone(seed))


def test_a_member_goes_on_alone_from_its_checkpoint(tmp_path: Path) -> None:
    together(folder=tmp_path, stop_after=13)
    outcome = beginning(12)
    result = fit(
        outcome.model,
        *problem(),
        replace(SETTINGS, seed=12),
        on_epoch=lambda _: Signal.CONTINUE,
        checkpoints=Checkpoints(tmp_path / "12.safetensors", 0.0),
    )
    expected = alone(12)
    assert expected.result and result.val_loss == pytest.approx(expected.result.val_loss, rel=1e-4)
    torch.testing.assert_close(outcome.outputs, expected.outputs, rtol=1e-2, atol=1e-3)


def test_each_model_is_clipped_to_a_norm_of_its_own() -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = ((3, 5, 7), (3, 5))
    gradients = [torch.randn(shape, generator=generator) for shape in shapes]
    for gradient in gradients:
        gradient[1] *= 0.01  # below the norm: left as it is
    expected, norms = [], []
    for number in range(3):
        weights = [nn.Parameter(torch.zeros(shape[1:])) for shape in shapes]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient[number].clone()
        norms.append(nn.utils.clip_grad_norm_(weights, 1.5))
        expected.append([weight.grad for weight in weights])
    torch.testing.assert_close(clip_each(gradients, 1.5), torch.stack(norms))
    for number in range(3):
        for gradient, grad in zip(gradients, expected[number], strict=True):
            torch.testing.assert_close(gradient[number], grad)
