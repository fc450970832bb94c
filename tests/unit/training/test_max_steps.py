"""A limit of steps ends a training within an epoch, as a shorter training and not as a stop.

Legend: `T` bars, `C` channels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from finscale.model import Architecture, PatchTST
from finscale.training import (
    Checkpoints,
    Epoch,
    FitResult,
    FitSettings,
    Samples,
    Signal,
    fit,
    make_samples,
)

pytestmark = pytest.mark.usefixtures("one_thread")

ARCH = Architecture(
    n_channels=3,
    d_model=6,
    n_layers=2,
    n_heads=2,
    d_ff=5,
    context_length=7,
    patch_length=3,
    patch_stride=2,
    dropout=0.1,
)
# 53 training samples in batches of 16: 4 steps an epoch, the last of 5 samples.
SETTINGS = FitSettings(
    epochs=5, learning_rate=3e-3, weight_decay=1e-3, warmup_steps=2, batch_size=16, seed=11
)


def problem() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(17)
    values_TC, labels_T = rng.normal(size=(88, 3)), rng.integers(0, 2, 88).astype(float)
    parts = np.arange(6, 59), np.arange(59, 88)
    train, validation = (make_samples(values_TC, at_N, labels_T, 7) for at_N in parts)
    return train, validation


def trained(
    path: Path | None = None, n_looks: int | None = None, **changed: Any
) -> tuple[FitResult, list[Epoch], list[Tensor]]:
    """Train a model; it is stopped when it looks once more than `n_looks` times."""
    torch.manual_seed(5)
    model, epochs, looks = PatchTST(ARCH), [], count()

    def on_epoch(epoch: Epoch) -> Signal:
        epochs.append(epoch)
        return Signal.CONTINUE

    result = fit(
        model,
        *problem(),
        replace(SETTINGS, **changed),
        on_epoch=on_epoch,
        checkpoints=Checkpoints(path) if path else None,
        is_stopping=lambda: next(looks) == n_looks,
    )
    return result, epochs, [weight.detach().clone() for weight in model.parameters()]


def test_the_last_epoch_ends_at_the_limit() -> None:
    result, epochs, _ = trained(max_steps=7)
    assert (result.status, result.reason, result.epochs_run) == ("ok", "completed", 2)
    assert result.n_seen == 53 + 3 * 16
    assert [epoch.number for epoch in epochs] == [1, 2]
    # Steps 0 and 4 of 7, the first 2 of them warm-up: the cosine ends at the limit.
    cosine = 0.5 + 0.5 * math.cos(math.pi * 2 / 5)
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx([1.5e-3, 3e-3 * cosine])


def test_the_loss_of_a_cut_epoch_is_the_mean_of_its_samples() -> None:
    # At a rate of 0 the model stays the same: 3 batches of an epoch are 48 of its 53 samples.
    at_rest = {"learning_rate": 0.0, "epochs": 1}
    _, (one,), _ = trained(max_steps=1, **at_rest)
    _, (cut,), _ = trained(max_steps=3, **at_rest)
    _, (full,), _ = trained(**at_rest)
    assert len({one.train_loss, cut.train_loss, full.train_loss}) == 3
    for epoch in (one, cut):
        assert epoch.train_loss == pytest.approx(full.train_loss, rel=0.1)


@pytest.mark.parametrize(
    ("limit", "n_epochs", "total"), [(0, 5, 20), (1, 1, 1), (4, 1, 4), (5, 2, 5), (99, 5, 20)]
)
def test_a_limit_in_epochs(limit: int, n_epochs: int, total: int) -> None:
    settings = replace(SETTINGS, max_steps=limit)
    assert (settings.n_epochs(53), settings.total_steps(53)) == (n_epochs, total)
    assert ("max_steps" in settings.identity()) == bool(limit)
    usual = {"max_steps": limit, "precision": "float32"}
    assert settings.identity() | usual == vars(settings)


def test_a_limit_at_the_end_changes_nothing() -> None:
    usual, limited = trained(), trained(max_steps=20)
    assert limited[1] == usual[1]
    assert all(map(torch.equal, limited[2], usual[2]))


@pytest.mark.parametrize("n_looks", [2, 4, 6, 7])
def test_a_resumed_run_ends_at_the_limit_too(tmp_path: Path, n_looks: int) -> None:
    path = tmp_path / "a.safetensors"
    whole = trained(max_steps=7)
    stopped = trained(path, n_looks, max_steps=7)
    assert stopped[0].status == "stopped"
    rest = trained(path, max_steps=7)
    assert stopped[1] + rest[1] == whole[1]
    assert all(map(torch.equal, rest[2], whole[2]))
    assert rest[0].n_seen == whole[0].n_seen


def test_a_checkpoint_of_another_limit_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    trained(path, n_looks=6, max_steps=7)
    result, epochs, _ = trained(path, max_steps=8)
    assert [epoch.number for epoch in epochs] == [1, 2] and result.n_seen == 2 * 53


def test_patience_ends_a_limited_run_early() -> None:
    result, _, _ = trained(max_steps=19, learning_rate=0.0, warmup_steps=0, patience=2)
    assert (result.reason, result.epochs_run, result.n_seen) == ("early_stop", 3, 3 * 53)
