"""One training run: every number that can be worked out by hand, and every way it can end.

Legend: `T` bars, `N` samples, `C` channels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from finscale.model import Architecture, PatchTST
from finscale.training import (
    Epoch,
    FitResult,
    FitSettings,
    Samples,
    Signal,
    bce_loss,
    fit,
    make_samples,
    predict,
)

ARCH = Architecture(
    n_channels=3,
    d_model=6,
    n_layers=2,
    n_heads=2,
    d_ff=5,
    context_length=7,
    patch_length=3,
    patch_stride=2,
)
# Of the first test below: a change of these is a change of every result.
GOLDEN_TRAIN = [0.7368429, 0.7042037, 0.6211859, 0.6135476, 0.5777644]
GOLDEN_VALIDATION = [0.6952688, 0.7125068, 0.7187976, 0.7221674, 0.7229257]
GOLDEN_STEPS = [
    *(0.6886447, 0.7589000, 0.7584174, 0.7514556, 0.6172712),
    *(0.7522702, 0.6717344, 0.9382919, 0.6419267, 0.6102281),
]
# 53 training samples in batches of 16: 4 steps an epoch, the last of 5 samples.
SETTINGS = FitSettings(
    epochs=5, learning_rate=3e-3, weight_decay=1e-3, warmup_steps=4, batch_size=16, seed=11
)
N_TRAIN, N_VALIDATION = 53, 29


pytestmark = pytest.mark.usefixtures("one_thread")


def problem(rise: float = 2.0, n_train: int = N_TRAIN) -> tuple[Samples, Samples]:
    """Bars of noise; a label is drawn with a chance that the last bar's channel 1 tells of."""
    rng = np.random.default_rng(17)
    n_bars = 6 + n_train + N_VALIDATION
    values_TC = rng.normal(size=(n_bars, 3))
    labels_T = (rng.random(n_bars) < 1 / (1 + np.exp(-rise * values_TC[:, 1]))).astype(float)
    train_N = np.arange(6, 6 + n_train)
    validation_N = np.arange(6 + n_train, n_bars)
    return (
        make_samples(values_TC, train_N, labels_T, 7),
        make_samples(values_TC, validation_N, labels_T, 7),
    )


def network(dropout: float = 0.0, seed: int = 5) -> PatchTST:
    torch.manual_seed(seed)
    return PatchTST(replace(ARCH, dropout=dropout))


def train(
    model: PatchTST, settings: FitSettings = SETTINGS, prune_after: int = 0, **changed: Any
) -> tuple[FitResult, list[Epoch]]:
    epochs: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> Signal:
        epochs.append(epoch)
        return Signal.PRUNE if epoch.number == prune_after else Signal.CONTINUE

    training, validation = problem()
    result = fit(model, training, validation, replace(settings, **changed), on_epoch=on_epoch)
    return result, epochs


def mean_loss(model: PatchTST, samples: Samples) -> float:
    """Work out the mean cross-entropy from probabilities, the long way round."""
    p_N = torch.sigmoid(predict(model, samples).squeeze(1).double())
    y_N = samples.labels_N.double()
    return float(-(y_N * p_N.log() + (1 - y_N) * (1 - p_N).log()).mean())


def weights(model: PatchTST) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


# What a run reports.


def test_the_trace_of_a_seeded_run_is_known() -> None:
    result, epochs = train(network(dropout=0.1))
    assert [epoch.train_loss for epoch in epochs] == pytest.approx(GOLDEN_TRAIN, rel=1e-6)
    assert [epoch.val_loss for epoch in epochs] == pytest.approx(GOLDEN_VALIDATION, rel=1e-6)
    assert (result.status, result.reason) == ("ok", "completed")
    assert (result.epochs_run, result.n_seen) == (5, 5 * 53)
    assert result.samples_per_second == pytest.approx(result.n_seen / result.wall_time_s)
    assert result.peak_memory_bytes > 10**7


def test_the_losses_of_the_first_ten_steps_are_known() -> None:
    losses: list[float] = []

    def loss(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        losses_B = bce_loss(outputs_BK, labels_B)
        if outputs_BK.requires_grad:
            losses.append(float(losses_B.detach().mean()))
        return losses_B

    fit(
        network(dropout=0.1),
        *problem(),
        replace(SETTINGS, epochs=3),
        on_epoch=lambda _epoch: Signal.CONTINUE,
        loss=loss,
    )
    assert losses[:10] == pytest.approx(GOLDEN_STEPS, rel=1e-6)


def test_an_epoch_reports_the_rate_it_began_with() -> None:
    _, epochs = train(network(), epochs=3, warmup_steps=6, learning_rate=0.01)
    # Steps 0, 4 and 8 of 12, the first 6 of them warm-up.
    cosine = 0.5 + 0.5 * math.cos(math.pi * 2 / 6)
    expected = [0.01 / 6, 0.01 * 5 / 6, 0.01 * cosine]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx(expected)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]


def test_an_epoch_reports_how_many_samples_it_trained_in_what_time() -> None:
    _, epochs = train(network())
    assert [epoch.n_samples for epoch in epochs] == [53] * 5
    assert all(0 < epoch.seconds < 60 for epoch in epochs)


def test_losses_are_means_over_samples_each_met_once() -> None:
    # At a rate of 0 nothing moves: batches of 16, 16, 16 and 5 have to add up to all samples.
    model = network()
    training, validation = problem()
    before = weights(model)
    _, epochs = train(model, epochs=2, learning_rate=0.0)
    assert torch.equal(weights(model), before)
    for epoch in epochs:
        assert epoch.train_loss == pytest.approx(mean_loss(model, training), rel=1e-5)
        assert epoch.val_loss == pytest.approx(mean_loss(model, validation), rel=1e-6)


def test_the_same_seed_gives_the_same_weights_to_the_bit() -> None:
    one, two, other = network(0.1), network(0.1), network(0.1)
    first, _ = train(one)
    torch.manual_seed(999)  # what happened before does not matter
    second, _ = train(two)
    train(other, seed=12)
    assert torch.equal(weights(one), weights(two))
    assert first.val_loss == second.val_loss
    assert not torch.equal(weights(one), weights(other))


def test_seeds_shuffle_batches_without_dropout_too() -> None:
    one, other = network(), network()
    train(one, epochs=1)
    train(other, epochs=1, seed=12)
    assert not torch.equal(weights(one), weights(other))


# What is kept.


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    model = network()
    result, epochs = train(model, epochs=13, learning_rate=0.03, warmup_steps=0, patience=13)
    curve = [epoch.val_loss for epoch in epochs]
    assert 1 <= result.best_epoch < result.epochs_run == 13
    assert result.val_loss == min(curve) == curve[result.best_epoch - 1]
    assert result.val_loss < curve[-1]
    # The model is left with those weights, ready to predict.
    assert not model.training
    assert mean_loss(model, problem()[1]) == pytest.approx(result.val_loss, rel=1e-6)


def test_the_earliest_of_equal_epochs_is_the_best() -> None:
    result, _ = train(network(), learning_rate=0.0)
    assert (result.best_epoch, result.epochs_run) == (1, 5)


# How a run ends.


@pytest.mark.parametrize(
    ("warmup_steps", "patience", "epochs_run"),
    [
        (0, 3, 4),  # the best is epoch 1, and 3 epochs later it still is
        (10, 3, 6),  # epochs 1 to 3 begin in the warm-up of 10 steps: 3 more after them
        (12, 3, 6),
        (13, 3, 7),
        (13, 2, 6),
        (0, 1, 2),
    ],
)
def test_patience_counts_from_the_end_of_warm_up(
    warmup_steps: int, patience: int, epochs_run: int
) -> None:
    result, epochs = train(
        network(), epochs=30, learning_rate=0.0, warmup_steps=warmup_steps, patience=patience
    )
    assert (result.status, result.reason) == ("ok", "early_stop")
    assert result.epochs_run == len(epochs) == epochs_run
    assert result.n_seen == epochs_run * 53


def test_patience_counts_anew_from_every_improvement() -> None:
    result, epochs = train(network(), epochs=40, learning_rate=0.03, warmup_steps=0, patience=4)
    curve = [epoch.val_loss for epoch in epochs]
    assert result.reason == "early_stop"
    assert 1 < result.best_epoch == curve.index(min(curve)) + 1 == len(curve) - 4


def test_the_callable_prunes() -> None:
    model = network()
    result, epochs = train(model, prune_after=3)
    assert (result.status, result.reason) == ("pruned", "pruned")
    assert result.epochs_run == len(epochs) == 3
    assert mean_loss(model, problem()[1]) == pytest.approx(result.val_loss, rel=1e-6)


def test_an_absurd_rate_diverges_and_has_no_loss() -> None:
    result, epochs = train(network(), learning_rate=1e30, warmup_steps=0)
    assert (result.status, result.reason) == ("diverged", "not_finite")
    assert math.isnan(result.val_loss)
    assert all(math.isfinite(epoch.val_loss) for epoch in epochs)


def test_gradients_that_explode_diverge_although_the_losses_are_finite() -> None:
    def steep(outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        exact_B = bce_loss(outputs_BK, labels_B)
        return exact_B + 1e20 * (outputs_BK - outputs_BK.detach()).squeeze(1)  # adds 0

    result = fit(
        network(), *problem(), SETTINGS, on_epoch=lambda _epoch: Signal.CONTINUE, loss=steep
    )
    assert (result.status, result.reason, result.epochs_run) == ("diverged", "exploding_norm", 1)
    assert math.isnan(result.val_loss)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_nan_in_the_data_diverges_at_once(part: str) -> None:
    training, validation = problem()
    bar = 20 if part == "train" else 70
    training.values_TC[bar, 1] = torch.nan
    validation.values_TC[bar, 1] = torch.nan
    heard: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> Signal:
        heard.append(epoch)
        return Signal.CONTINUE

    result = fit(network(), training, validation, SETTINGS, on_epoch=on_epoch)
    assert (result.status, result.epochs_run, result.best_epoch) == ("diverged", 1, 0)
    assert math.isnan(result.val_loss)
    assert heard == []  # an epoch without a loss is not reported


def test_a_run_that_diverges_late_has_no_loss_either() -> None:
    training, validation = problem()

    def poison(epoch: Epoch) -> Signal:
        if epoch.number == 2:
            validation.values_TC[70, 1] = torch.nan
        return Signal.CONTINUE

    result = fit(network(), training, validation, SETTINGS, on_epoch=poison)
    assert (result.status, result.epochs_run) == ("diverged", 3)
    assert result.best_epoch in (1, 2)
    assert math.isnan(result.val_loss)


# The optimiser.


def test_weight_decay_is_decoupled_and_follows_the_schedule() -> None:
    # With gradients clipped to nothing only the decay is left: by 1 - rate·decay each step,
    # at 1/2, 1, 1 and 1/2 of the peak (2 steps of warm-up, then half a cosine over 2).
    model = network()
    before = weights(model)
    train(model, epochs=1, learning_rate=0.1, weight_decay=0.5, warmup_steps=2, clip_norm=1e-30)
    shrunk = (1 - 0.025) * (1 - 0.05) * (1 - 0.05) * (1 - 0.025)
    torch.testing.assert_close(weights(model), before * shrunk, rtol=1e-5, atol=1e-7)


def test_gradients_are_clipped_to_the_norm() -> None:
    free, held, none = network(), network(), network()
    before = weights(free)
    train(free, epochs=1, weight_decay=0.0, clip_norm=1e9)
    train(held, epochs=1, weight_decay=0.0, clip_norm=1e-9)
    train(none, epochs=1, weight_decay=0.0, clip_norm=0.0)
    # Adam's 1e-8 beside the root of the second moment makes a gradient of 1e-9 a small step.
    moved_free, moved_held = (weights(free) - before).norm(), (weights(held) - before).norm()
    assert 0 < moved_held < 0.1 * moved_free
    assert torch.equal(weights(none), before)


def test_the_first_step_is_that_of_adamw_by_hand() -> None:
    model, twin = network(), network()
    training, _ = problem()
    train(model, epochs=1, batch_size=64, warmup_steps=0, learning_rate=0.01, weight_decay=0.1)
    loss = functional.binary_cross_entropy_with_logits(
        twin(training.windows(torch.arange(53))).squeeze(1), training.labels_N
    )
    loss.backward()
    gradient = torch.cat([w.grad.flatten() for w in twin.parameters() if w.grad is not None])
    gradient = gradient / max(1.0, float(gradient.norm()))
    # After one step both moments are the gradient itself, corrected for their start at 0.
    expected = weights(twin) * (1 - 0.001) - 0.01 * gradient / (gradient.abs() + 1e-8)
    clear = gradient.abs() > 1e-5  # rounding decides the sign of less
    assert clear.float().mean() > 0.5
    torch.testing.assert_close(weights(model)[clear], expected[clear], rtol=1e-3, atol=1e-5)


def test_it_learns_a_planted_signal() -> None:
    # The label is the sign of channel 1 at the last bar: almost nothing is left to chance.
    training, validation = problem(rise=100.0, n_train=307)
    model = network()
    settings = replace(SETTINGS, epochs=12, learning_rate=1e-2, warmup_steps=20)
    result = fit(model, training, validation, settings, on_epoch=lambda _epoch: Signal.CONTINUE)
    base = float(training.labels_N.mean())
    entropy = -(base * math.log(base) + (1 - base) * math.log(1 - base))
    assert entropy > 0.68
    assert result.val_loss < 0.35 * entropy
    right_N = (predict(model, validation).squeeze(1) > 0) == (validation.labels_N > 0.5)
    assert right_N.float().mean() > 0.85
