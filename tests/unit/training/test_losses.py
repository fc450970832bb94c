"""Losses by hand, within their bounds, and a perceptron that learns a return's mean and spread.

Legend: `T` bars, `N` samples, `B` batch, `K` outputs.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from finscale.config import LOG_SIGMA_BOUNDS
from finscale.evaluation import bce_with_logits, gaussian_nll
from finscale.model import MLP, mlp_of_size
from finscale.training import (
    FitSettings,
    Loss,
    Samples,
    Signal,
    bce_loss,
    fit,
    gaussian_nll_loss,
    make_samples,
    predict,
)

RNG = np.random.default_rng(23)


pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_gaussian_loss_is_a_negative_log_density() -> None:
    y, mean, log_sigma = RNG.normal(size=(3, 17))
    outputs_BK = torch.tensor(np.stack([mean, log_sigma], axis=1))
    expected = -norm(mean, np.exp(log_sigma)).logpdf(y)
    assert gaussian_nll_loss(outputs_BK, torch.tensor(y)).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("raw", [-1e4, -12.5, 0.3, 4.5, 1e4])
def test_training_and_scores_read_log_sigma_alike(raw: float) -> None:
    y = RNG.normal(size=5)
    outputs_BK = torch.tensor([[0.1, raw]] * 5, dtype=torch.float64)
    trained = gaussian_nll_loss(outputs_BK, torch.tensor(y)).numpy()
    assert np.isfinite(trained).all()
    scored = gaussian_nll(y, np.full(5, 0.1), np.full(5, raw))
    assert trained == pytest.approx(scored, rel=1e-12)


def test_cross_entropy_is_the_one_of_the_scores() -> None:
    logit, y = RNG.normal(size=13), RNG.integers(0, 2, 13).astype(float)
    trained = bce_loss(torch.tensor(logit)[:, None], torch.tensor(y))
    assert trained.numpy() == pytest.approx(bce_with_logits(y, logit), rel=1e-12)


def test_a_head_within_the_bounds_can_always_move() -> None:
    low, high = LOG_SIGMA_BOUNDS
    inside = torch.tensor([[0.0, low + 0.1], [0.0, high - 0.1]], requires_grad=True)
    gaussian_nll_loss(inside, torch.tensor([0.0, 0.0])).sum().backward()
    assert inside.grad is not None and bool((inside.grad[:, 1] != 0).all())


SETTINGS = FitSettings(
    epochs=40, learning_rate=1e-2, weight_decay=0.0, warmup_steps=20, batch_size=64, seed=11
)


def returns() -> tuple[Samples, Samples]:
    """Bars of noise; the next return's mean follows channel 0 and its spread channel 1."""
    rng = np.random.default_rng(29)
    values_TC = rng.normal(size=(1_501, 2))
    sigma_T = 0.01 * np.exp(0.5 * values_TC[:, 1])
    labels_T = 0.01 * values_TC[:, 0] + sigma_T * rng.normal(size=1_501)
    train_N, validation_N = np.arange(1_001), np.arange(1_001, 1_501)
    return (
        make_samples(values_TC, train_N, labels_T, 1),
        make_samples(values_TC, validation_N, labels_T, 1),
    )


def perceptron(n_outputs: int) -> MLP:
    torch.manual_seed(7)
    return MLP(mlp_of_size(200, n_channels=2, context_length=1, n_outputs=n_outputs))


def test_a_perceptron_learns_mean_and_spread() -> None:
    training, validation = returns()
    model = perceptron(2)
    result = fit(
        model,
        training,
        validation,
        SETTINGS,
        on_epoch=lambda _: Signal.CONTINUE,
        loss=gaussian_nll_loss,
    )
    y = validation.labels_N.double().numpy()
    mean, log_sigma = predict(model, validation).double().numpy().T
    assert result.val_loss == pytest.approx(gaussian_nll(y, mean, log_sigma).mean(), rel=1e-9)
    x_NC = validation.values_TC[validation.positions_N].numpy()
    best = -norm(0.01 * x_NC[:, 0], 0.01 * np.exp(0.5 * x_NC[:, 1])).logpdf(y).mean()
    constant = -norm(y.mean(), y.std()).logpdf(y).mean()
    assert result.val_loss < best + 0.15 * (constant - best)


def test_the_loss_is_what_stops_and_what_is_reported() -> None:
    def absolute(outputs_BK: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
        return (outputs_BK.squeeze(1) - labels_B).abs()

    def squared(outputs_BK: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
        return (outputs_BK.squeeze(1) - labels_B).square()

    training, validation = returns()
    losses: list[Loss] = [absolute, squared]
    found = []
    for loss in losses:
        model = perceptron(1)
        result = fit(
            model, training, validation, SETTINGS, on_epoch=lambda _: Signal.CONTINUE, loss=loss
        )
        outputs_NK = predict(model, validation).double()
        assert result.val_loss == pytest.approx(
            float(loss(outputs_NK, validation.labels_N.double()).mean()), rel=1e-12
        )
        found.append(result.val_loss)
    assert found[1] < 1e-3 < found[0] < 0.02
