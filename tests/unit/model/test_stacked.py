"""Stacked models compute what each computes alone, and share its memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from finscale.model import Architecture, PatchTST, StackedPatchTST

ARCH = Architecture(
    n_channels=3, d_model=6, n_layers=2, n_heads=2, d_ff=5, context_length=7, patch_length=3,
    patch_stride=2, n_outputs=2,
)  # fmt: skip
N_MODELS, N_BATCH = 3, 11


def models(arch: Architecture) -> list[PatchTST]:
    torch.manual_seed(5)
    return [PatchTST(arch) for _ in range(N_MODELS)]


def windows() -> torch.Tensor:
    return torch.randn(
        N_MODELS, N_BATCH, 7, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float32
    )


@pytest.mark.parametrize("arch", [ARCH, replace(ARCH, revin=True), replace(ARCH, patch_stride=3)])
def test_outputs_are_those_of_each_model(arch: Architecture) -> None:
    x_MBLC, several = windows(), models(arch)
    expected = torch.stack([model(x_BLC) for model, x_BLC in zip(several, x_MBLC, strict=True)])
    torch.testing.assert_close(StackedPatchTST(several)(x_MBLC), expected, rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_each_model_with_its_own_dropout() -> None:
    x_MBLC, several = windows(), models(replace(ARCH, dropout=0.3))
    expected = []
    for seed, (model, x_BLC) in enumerate(zip(several, x_MBLC, strict=True)):
        torch.manual_seed(seed)
        model(x_BLC).square().sum().backward()
        expected.append([weight.grad for weight in model.parameters()])
    stacked = StackedPatchTST(several)
    dropouts = [torch.Generator().manual_seed(seed) for seed in range(N_MODELS)]
    stacked(x_MBLC, dropouts).square().sum().backward()
    for place, weight in enumerate(stacked.parameters()):
        assert weight.grad is not None
        for number in range(N_MODELS):
            torch.testing.assert_close(
                weight.grad[number], expected[number][place], rtol=1e-4, atol=1e-5
            )


def test_models_and_stack_are_the_same_memory() -> None:
    several = models(ARCH)
    stacked = StackedPatchTST(several)
    with torch.no_grad():
        for weight in stacked.parameters():
            weight += 1.0
        several[1].head.bias.zero_()
    before = [weight.detach().clone() for weight in models(ARCH)[0].parameters()]
    for now, then in zip(several[0].parameters(), before, strict=True):
        torch.testing.assert_close(now, then + 1.0)
    assert [bias_K.eq(0).all().item() for bias_K in [*stacked.parameters()][-1]] == [
        False,
        True,
        False,
    ]


def test_no_model_affects_another() -> None:
    x_MBLC, several = windows(), models(ARCH)
    before = StackedPatchTST(several)(x_MBLC).detach()
    with torch.no_grad():
        several[1].norm.weight.fill_(torch.nan)
    after = StackedPatchTST(several)(x_MBLC)
    assert after[1].isnan().all()
    assert torch.equal(after[[0, 2]], before[[0, 2]])


def test_models_that_differ_in_shape_are_not_stacked() -> None:
    with pytest.raises(AssertionError, match="one architecture"):
        StackedPatchTST([PatchTST(ARCH), PatchTST(replace(ARCH, d_ff=7))])
