"""The memory of a training step by formula is what torch allocates, counted without computing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.training_memory import Case, counted
from finscale.config import Precision
from finscale.model import (
    Architecture,
    PatchTST,
    activation_bytes,
    count_params,
    training_memory_bytes,
)

# P = (23 - 5) / 3 + 1 = 7; heads of 2 numbers.
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
DEEP = Architecture(n_channels=25, d_model=96, n_layers=5, n_heads=8, d_ff=192, dropout=0.1)
WIDE = Architecture(n_channels=25, d_model=1024, n_layers=3, n_heads=4, d_ff=4096)


def test_activations_by_hand() -> None:
    # A token of a layer: two sums, four inputs of products (three of D, one of F), query, key,
    # value, the input of GELU, 4 numbers of layer norms, and 7 heads; 4 bytes each.
    layer = 4 * (2 * 14 + (3 * 14 + 11) + 3 * 14 + 11 + 4 + 7)
    outside = 4 * (5 * 5 + 14 + 14 + 2)  # the patch, the sum, the head's input, a layer norm
    assert activation_bytes(SMALL, 13) == 13 * 7 * (3 * layer + outside)
    # With dropout: masks of D, F and D in each layer, and one of D after the embedding.
    masked = 13 * 7 * 4 * (3 * (14 + 11 + 14) + 14)
    with_dropout = activation_bytes(replace(SMALL, dropout=0.1), 13)
    assert with_dropout == activation_bytes(SMALL, 13) + masked


@pytest.mark.parametrize("arch", [DEEP, WIDE])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_peak_is_within_ten_percent_of_what_a_step_allocates(
    arch: Architecture, precision: Precision, checkpointing: bool
) -> None:
    case = Case(arch, 257, precision, checkpointing)
    assert case.predicted("cpu") == pytest.approx(counted(case), rel=0.1)


def test_cuda_keeps_smaller_masks_but_padded_heads_and_a_workspace() -> None:
    def on(device_type: str, precision: Precision, dropout: float) -> int:
        arch = replace(SMALL, dropout=dropout)
        return training_memory_bytes(arch, 13, precision=precision, device_type=device_type)

    workspace, n_tokens = 64 * 2**20, 13 * 7
    # Heads of 2 numbers: CUDA keeps 7 weights of the attention instead of one sum, in 3 layers.
    assert on("cuda", "float32", 0.0) - on("cpu", "float32", 0.0) == (
        workspace + n_tokens * 3 * 4 * 7 * (7 - 1)
    )
    # In bfloat16 its heads of 2 become 8: four copies of 7 heads, instead of query, key and value.
    assert on("cuda", "bfloat16", 0.0) - on("cpu", "bfloat16", 0.0) == (
        workspace + n_tokens * 3 * 2 * (4 * 7 * 8 - 3 * 14)
    )
    masks = on("cuda", "float32", 0.1) - on("cuda", "float32", 0.0)
    assert masks == n_tokens * (3 * (14 + 11 + 14) + 14)


@pytest.mark.parametrize(
    ("n_layers", "d_model", "n_heads", "d_ff", "measured_gib", "optimiser_bytes"),
    [
        # An H100 with torch 2.11, float32, batches of 64 (docs/benchmarks.md). Its AdamW was not
        # fused and had 4 more bytes per parameter, which is the peak of the wide models.
        (96, 48, 8, 96, 0.26, 0),
        (4, 768, 8, 1536, 0.46, 0),
        (4, 2048, 2, 8192, 3.83, 4),
        (256, 768, 8, 3072, 35.61, 0),
    ],
)
def test_the_peak_is_within_ten_percent_of_an_h100(
    n_layers: int,
    d_model: int,
    n_heads: int,
    d_ff: int,
    measured_gib: float,
    optimiser_bytes: int,
) -> None:
    arch = Architecture(
        n_channels=25, d_model=d_model, n_layers=n_layers, n_heads=n_heads, d_ff=d_ff
    )
    step = training_memory_bytes(arch, 64, device_type="cuda", keeps_gradients=True)
    update = 64 * 2**20 + (16 + optimiser_bytes) * count_params(arch).total
    assert max(step, update) / 2**30 == pytest.approx(measured_gib, rel=0.1)


@settings(deadline=None)
@given(
    st.sampled_from([SMALL, DEEP]),
    st.integers(1, 257),
    st.sampled_from(["d_model", "n_layers", "d_ff", "batch"]),
    st.sampled_from(["cpu", "cuda"]),
    st.booleans(),
)
def test_a_larger_model_or_batch_takes_more_memory(
    arch: Architecture, batch_size: int, dimension: str, device_type: str, checkpointing: bool
) -> None:
    def memory(arch: Architecture, batch_size: int) -> int:
        return training_memory_bytes(
            arch, batch_size, checkpointing=checkpointing, device_type=device_type
        )

    usual = memory(arch, batch_size)
    assert usual >= 16 * count_params(arch).total
    if dimension == "batch":
        assert memory(arch, 2 * batch_size) > usual
    else:
        assert (
            memory(replace(arch, **{dimension: 2 * getattr(arch, dimension)}), batch_size) > usual
        )


def gradients(checkpointing: bool, dtype: torch.dtype | None = None) -> list[torch.Tensor]:
    torch.manual_seed(5)
    model = PatchTST(replace(DEEP, dropout=0.1))
    model.checkpoints_layers = checkpointing
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is not None, cache_enabled=False):
        outputs_BK = model(torch.randn(13, 60, 25))
    outputs_BK.float().square().sum().backward()
    return [weight.grad for weight in model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_checkpointed_layers_give_the_same_gradients_to_the_bit(dtype: torch.dtype | None) -> None:
    usual, checkpointed = gradients(False, dtype), gradients(True, dtype)
    assert len(usual) == len(checkpointed) > 60
    assert all(map(torch.equal, usual, checkpointed))
