"""The network: its shape, what it looks at, and what it puts out.

Legend: `B` batch, `L` context length, `C` channels, `D` model width, `K` outputs.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from finscale.model import Architecture, PatchTST
from finscale.model.patchtst import normalise_window

# Patches of 5 bars every 4: P = (23 - 5) // 4 + 1 = 5, of the last 5 + 4·4 = 21 bars.
ARCH = Architecture(
    n_channels=5,
    d_model=14,
    n_layers=2,
    n_heads=7,
    d_ff=11,
    context_length=23,
    patch_length=5,
    patch_stride=4,
)
BATCH = 3


def network(arch: Architecture, seed: int = 7) -> PatchTST:
    torch.manual_seed(seed)
    return PatchTST(arch).eval()


def windows(seed: int = 11) -> Tensor:
    return torch.randn(BATCH, 23, 5, generator=torch.Generator().manual_seed(seed))


def influence(model: PatchTST) -> Tensor:
    """Return, for each bar and channel, how much the first window's output changes with it."""
    x_BLC = windows().requires_grad_()
    model(x_BLC)[0].sum().backward()
    assert x_BLC.grad is not None
    assert not x_BLC.grad[1:].any()  # a window is not told of its neighbours in the batch
    return x_BLC.grad[0].abs()


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("revin", [False, True])
def test_a_batch_of_windows_gives_a_row_each(n_outputs: int, revin: bool) -> None:
    model = network(replace(ARCH, n_outputs=n_outputs, revin=revin))
    outputs_BK = model(windows())
    assert outputs_BK.shape == (BATCH, n_outputs)
    for one in range(BATCH):
        torch.testing.assert_close(model(windows()[one : one + 1])[0], outputs_BK[one])


@pytest.mark.parametrize(
    ("context", "length", "stride", "n_patches", "n_seen"),
    [(60, 10, 5, 11, 60), (23, 5, 4, 5, 21), (23, 5, 3, 7, 23), (7, 7, 2, 1, 7), (11, 3, 17, 1, 3)],
)
def test_patches_are_counted_by_hand(
    context: int, length: int, stride: int, n_patches: int, n_seen: int
) -> None:
    arch = replace(ARCH, context_length=context, patch_length=length, patch_stride=stride)
    assert (arch.n_patches, arch.n_bars_seen) == (n_patches, n_seen)
    assert network(arch)(torch.ones(2, context, 5)).shape == (2, 1)


def test_every_channel_of_every_bar_that_patches_cover_has_influence() -> None:
    moved_LC = influence(network(ARCH))
    assert (moved_LC[2:] > 0).all()
    # 23 - 21 bars do not fit: the oldest, never the latest.
    assert not moved_LC[:2].any()


def test_every_bar_has_influence_where_the_stride_divides_evenly() -> None:
    assert (influence(network(replace(ARCH, patch_stride=3))) > 0).all()


def test_with_revin_the_bars_outside_count_too() -> None:
    assert (influence(network(replace(ARCH, revin=True))) > 0).all()


def test_a_patch_holds_its_own_bars_of_all_channels() -> None:
    model = network(replace(ARCH, patch_stride=3))
    tokens: list[Tensor] = []
    model.embedding.register_forward_hook(lambda _module, inputs, _output: tokens.append(inputs[0]))
    x_BLC = torch.arange(23.0)[:, None] + torch.arange(5.0) / 10
    model(x_BLC[None])
    (patches_BPCl,) = tokens
    assert patches_BPCl.shape == (1, 7, 25)
    # The second patch: bars 3 to 7, channel by channel.
    expected = [bar + channel / 10 for channel in range(5) for bar in range(3, 8)]
    torch.testing.assert_close(patches_BPCl[0, 1], torch.tensor(expected))
    torch.testing.assert_close(patches_BPCl[0, 6, -1], torch.tensor(22.4))


def test_the_order_of_patches_matters() -> None:
    model = network(ARCH)
    x_BLC = windows()
    assert (model(x_BLC) - model(x_BLC.flip(1))).abs().min() > 1e-3


def test_every_position_is_learned() -> None:
    model = network(ARCH)
    model(windows()).sum().backward()
    assert model.position_PD.grad is not None
    assert model.position_PD.shape == (5, 14)
    assert (model.position_PD.grad != 0).all()


def test_revin_forgets_level_and_scale_of_each_channel() -> None:
    model = network(replace(ARCH, revin=True))
    x_BLC = windows()
    shift_BC, scale_BC = 50 * torch.randn(BATCH, 1, 5), 0.5 + 20 * torch.rand(BATCH, 1, 5)
    torch.testing.assert_close(model(x_BLC * scale_BC + shift_BC), model(x_BLC), rtol=0, atol=1e-3)
    # One channel alone: it is each channel's own level that is forgotten.
    x_BLC[:, :, 3] += 7
    torch.testing.assert_close(model(x_BLC), model(windows()), rtol=0, atol=1e-3)


@pytest.mark.parametrize("change", ["shift", "scale"])
def test_without_revin_level_and_scale_are_seen(change: str) -> None:
    model = network(ARCH)
    x_BLC = windows()
    changed_BLC = x_BLC + 2 if change == "shift" else x_BLC * 3
    assert (model(changed_BLC) - model(x_BLC)).abs().min() > 1e-2


def test_normalised_windows_by_hand() -> None:
    x_BLC = torch.tensor([[[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]])
    # Mean 3, variance (4 + 1 + 9) / 3 = 14 / 3; a flat channel stays at 0, not NaN.
    deviation = (14 / 3 + 1e-5) ** 0.5
    expected = torch.tensor([[[-2 / deviation, 0.0], [-1 / deviation, 0.0], [3 / deviation, 0.0]]])
    torch.testing.assert_close(normalise_window(x_BLC), expected)


def test_outputs_are_raw() -> None:
    model = network(replace(ARCH, n_outputs=2))
    with torch.no_grad():
        model.head.weight.mul_(100)
    outputs_BK = model(windows())
    assert outputs_BK.max() > 1
    assert outputs_BK.min() < 0
    assert not any(isinstance(module, torch.nn.Sigmoid) for module in model.modules())


def test_dropout_acts_in_training_only() -> None:
    model = network(replace(ARCH, dropout=0.5))
    x_BLC = windows()
    assert torch.equal(model(x_BLC), model(x_BLC))
    assert torch.equal(model(x_BLC), network(ARCH)(x_BLC))
    model.train()
    assert not torch.equal(model(x_BLC), model(x_BLC))


def test_an_impossible_architecture_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        replace(ARCH, n_heads=5)
    with pytest.raises(AssertionError):
        replace(ARCH, patch_length=24)


def test_a_nan_in_the_data_does_not_vanish() -> None:
    x_BLC = windows()
    x_BLC[1, 22, 4] = torch.nan
    assert network(ARCH)(x_BLC).isnan().flatten().tolist() == [False, True, False]
