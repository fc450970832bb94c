"""Size by formula equals what is built; cost by formula equals what torch counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    training_memory_bytes,
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


def test_memory_by_hand() -> None:
    # 16 bytes for each of 4276 parameters; 13 windows of 7 tokens, each keeping
    # 2·(18·14 + 4·11) + 10·7·7 bytes in each of 3 layers; the batch three times, 4 bytes a number.
    expected = 16 * 4276 + 13 * 7 * 3 * (2 * (252 + 44) + 490) + 4 * 13 * 23 * 5 * 3
    assert training_memory_bytes(SMALL, 13) == expected


@settings(deadline=None)
@given(
    architectures(),
    st.integers(1, 257),
    st.sampled_from(["n_channels", "d_model", "n_layers", "n_heads", "d_ff", "context_length"]),
)
def test_a_larger_model_or_batch_takes_more_memory(
    arch: Architecture, batch_size: int, dimension: str
) -> None:
    larger: dict[str, Any] = {dimension: 2 * getattr(arch, dimension)}
    if dimension == "n_heads":
        larger["d_model"] = 2 * arch.d_model
    memory = training_memory_bytes(arch, batch_size)
    assert training_memory_bytes(replace(arch, **larger), batch_size) > memory
    assert training_memory_bytes(arch, batch_size + 1) > memory > 16 * count_params(arch).total


def test_the_estimate_covers_what_a_step_keeps() -> None:
    arch = Architecture(n_channels=25, d_model=48, n_layers=5, n_heads=8, d_ff=96, dropout=0.1)
    model, batch_size = PatchTST(arch), 31
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.randn(batch_size, 60, 25)).sum().backward()
    needed = sum(kept.values()) + 12 * count_params(arch).total
    assert needed <= training_memory_bytes(arch, batch_size) <= 2 * needed
