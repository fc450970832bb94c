"""Size by formula equals what is built; cost by formula equals what torch counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from finscale.model import (
    Architecture,
    ParamCount,
    PatchTST,
    count_params,
    forward_flops,
)

# C=5, D=14, F=11, H=7, L=23; patches of 5 bars every 3: P = (23 - 5) / 3 + 1 = 7.
SMALL = Architecture(
    n_channels=5,
    d_model=14,
    n_layers=3,
    n_heads=7,
    d_ff=11,
    context_length=23,
    patch_length=5,
    patch_stride=3,
)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    n_heads = draw(st.sampled_from([1, 2, 3, 5, 7]))
    patch_length = draw(st.integers(1, 11))
    return Architecture(
        n_channels=draw(st.integers(1, 13)),
        d_model=n_heads * draw(st.integers(1, 5)),
        n_layers=draw(st.integers(1, 5)),
        n_heads=n_heads,
        d_ff=draw(st.integers(1, 41)),
        context_length=patch_length + draw(st.integers(0, 29)),
        patch_length=patch_length,
        patch_stride=draw(st.integers(1, 7)),
        n_outputs=draw(st.sampled_from([1, 2])),
        dropout=draw(st.sampled_from([0.0, 0.1])),
        revin=draw(st.booleans()),
    )


def test_parameters_by_hand() -> None:
    assert SMALL.n_patches == 7
    # Embedding 25·14 + 14, positions 7·14.
    embedding = 350 + 14 + 98
    # A layer: attention 4·14² + 4·14; feed-forward 14·11 + 11 + 11·14 + 14; two norms 2·2·14.
    layer = 784 + 56 + 154 + 11 + 154 + 14 + 56
    assert count_params(SMALL) == ParamCount(embedding, 3 * layer + 28, 7 * 14 + 1)
    assert count_params(SMALL).total == 462 + 3715 + 99


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_the_formula_counts_the_built_model_group_by_group(arch: Architecture) -> None:
    sizes = {name: p.numel() for name, p in PatchTST(arch).named_parameters()}
    count = count_params(arch)

    def group(*prefixes: str) -> int:
        return sum(n for name, n in sizes.items() if name.split(".")[0] in prefixes)

    assert count.embedding == group("embedding", "position_PD")
    assert count.encoder == group("layers", "norm")
    assert count.head == group("head")
    assert count.total == sum(sizes.values())
    assert not list(PatchTST(arch).buffers())


def test_flops_by_hand() -> None:
    # Multiplications: embedding 7·25·14; a layer 7·(4·14² + 2·14·11) + 2·7²·14; head 7·14.
    assert forward_flops(SMALL) == 2 * (2450 + 3 * (7 * (784 + 308) + 1372) + 98)


@pytest.mark.parametrize(
    "arch",
    [
        SMALL,
        replace(SMALL, n_outputs=2, revin=True, n_layers=2),
        Architecture(n_channels=3, d_model=10, n_layers=1, n_heads=2, d_ff=13),
    ],
)
def test_torch_counts_the_same_flops(arch: Architecture) -> None:
    model, batch = PatchTST(arch), 11
    x_BLC = torch.randn(batch, arch.context_length, arch.n_channels)
    # The fused attention of the CPU is one that torch's counter does not know.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as forward:
        outputs_BK = model(x_BLC)
    assert forward.get_total_flops() == batch * forward_flops(arch)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as backward:
        outputs_BK.sum().backward()
    # Twice the forward pass; only the inputs need no gradient.
    inputs = 2 * arch.n_patches * arch.patch_length * arch.n_channels * arch.d_model
    assert backward.get_total_flops() == batch * (2 * forward_flops(arch) - inputs)
