"""The perceptron: its size by formula, the nearest size, and a PatchTST's contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.model import MLP, MlpArchitecture, count_mlp_params, mlp_of_size

SMALL = MlpArchitecture(n_channels=3, context_length=7, width=5, n_outputs=2)


def built(arch: MlpArchitecture) -> int:
    return sum(weight.numel() for weight in MLP(arch).parameters())


def test_parameters_by_hand() -> None:
    # 21 inputs to 5 units with bias, 5 units to 2 outputs with bias.
    assert count_mlp_params(SMALL) == 21 * 5 + 5 + 5 * 2 + 2 == built(SMALL)


@settings(max_examples=60, deadline=None)
@given(
    n_params=st.integers(1, 30_000),
    n_channels=st.integers(1, 13),
    context=st.integers(1, 23),
    n_outputs=st.sampled_from([1, 2]),
)
def test_no_other_width_is_nearer_to_the_size(
    n_params: int, n_channels: int, context: int, n_outputs: int
) -> None:
    arch = mlp_of_size(n_params, n_channels=n_channels, context_length=context, n_outputs=n_outputs)
    assert built(arch) == count_mlp_params(arch)
    distance = abs(count_mlp_params(arch) - n_params)
    for width in {max(1, arch.width - 1), arch.width + 1}:
        assert distance <= abs(count_mlp_params(replace(arch, width=width)) - n_params)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_windows_in_raw_outputs_out(n_outputs: int) -> None:
    torch.manual_seed(3)
    model = MLP(replace(SMALL, n_outputs=n_outputs)).eval()
    x_BLC = torch.randn(11, 7, 3)
    outputs_BK = model(x_BLC)
    assert outputs_BK.shape == (11, n_outputs)
    first, second = model.layers[1], model.layers[4]
    hidden = torch.nn.functional.gelu(x_BLC.reshape(11, 21) @ first.weight.T + first.bias)
    torch.testing.assert_close(outputs_BK, hidden @ second.weight.T + second.bias)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(5)
    model, x_BLC = MLP(replace(SMALL, width=64, dropout=0.5)), torch.randn(2, 7, 3)
    assert not torch.equal(model(x_BLC), model(x_BLC))
    model.eval()
    assert torch.equal(model(x_BLC), model(x_BLC))
