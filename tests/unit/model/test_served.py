"""The served model takes unscaled features, and says NaN where it was told NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from finscale.model import Architecture, LabelUnits, PatchTST, ServedModel

CENTER_C = np.array([100.0, -3.0, 0.5])
SCALE_C = np.array([10.0, 2.0, 0.25])


def network(revin: bool = False, stride: int = 4, n_outputs: int = 1) -> PatchTST:
    torch.manual_seed(5)
    arch = Architecture(
        n_channels=3,
        d_model=10,
        n_layers=2,
        n_heads=5,
        d_ff=7,
        context_length=17,
        patch_length=3,
        patch_stride=stride,
        revin=revin,
        n_outputs=n_outputs,
    )
    return PatchTST(arch).eval()


def unscaled(batch: int = 5) -> Tensor:
    z_BLC = torch.randn(batch, 17, 3, generator=torch.Generator().manual_seed(13))
    return z_BLC * torch.tensor(SCALE_C).float() + torch.tensor(CENTER_C).float()


def test_it_scales_clips_and_predicts() -> None:
    model = network()
    served = ServedModel(model, CENTER_C, SCALE_C, 1.5, LabelUnits()).eval()
    scaled_BLC = (unscaled().numpy().astype(np.float64) - CENTER_C) / SCALE_C
    clipped_BLC = np.clip(scaled_BLC, -1.5, 1.5)
    assert (np.abs(scaled_BLC) > 1.5).any()
    outputs_BK = served(unscaled())
    expected_BK = model.double()(torch.tensor(clipped_BLC))
    torch.testing.assert_close(outputs_BK, expected_BK, rtol=1e-12, atol=1e-12)


def test_a_return_forecast_is_served_in_the_labels_own_units() -> None:
    model, units = network(n_outputs=2), LabelUnits(center=0.0004, scale=0.011)
    raw_BK = ServedModel(model, CENTER_C, SCALE_C, 5.0, LabelUnits()).eval()(unscaled())
    served_BK = ServedModel(model, CENTER_C, SCALE_C, 5.0, units).eval()(unscaled())
    mean_B = 0.0004 + 0.011 * raw_BK[:, 0]
    torch.testing.assert_close(served_BK[:, 0], mean_B, rtol=1e-12, atol=0)
    sigma_B = 0.011 * raw_BK[:, 1].exp()
    torch.testing.assert_close(served_BK[:, 1].exp(), sigma_B, rtol=1e-12, atol=0)


def test_a_logit_has_no_units() -> None:
    logits_B1 = torch.tensor([[0.5], [-2.0]])
    assert torch.equal(LabelUnits(center=3.0, scale=7.0).restore(logits_B1), logits_B1)


def test_a_window_gives_the_same_number_in_every_batch_size() -> None:
    served = ServedModel(network(), CENTER_C, SCALE_C, 5.0, LabelUnits()).eval()
    x_BLC = unscaled(31)
    together_BK = served(x_BLC)
    for batch in (1, 3, 7):
        parts = [served(part_BLC) for part_BLC in x_BLC.split(batch)]
        torch.testing.assert_close(torch.cat(parts), together_BK, rtol=1e-13, atol=1e-13)


def test_clipping_bounds_what_one_wild_bar_can_do() -> None:
    served = ServedModel(network(), CENTER_C, SCALE_C, 5.0, LabelUnits()).eval()
    wild_BLC, wilder_BLC = unscaled(), unscaled()
    wild_BLC[:, 16, 0], wilder_BLC[:, 16, 0] = 1e4, torch.inf
    assert torch.equal(served(wild_BLC), served(wilder_BLC))
    assert served(wilder_BLC).isfinite().all()


@pytest.mark.parametrize("revin", [False, True])
# With stride 5 patches cover the last 13 of 17 bars: a NaN before them is a NaN in the window.
@pytest.mark.parametrize("stride", [2, 5])
@pytest.mark.parametrize(("bar", "channel"), [(0, 0), (1, 2), (8, 1), (16, 2)])
def test_a_nan_concerns_its_own_window_only(
    revin: bool, stride: int, bar: int, channel: int
) -> None:
    served = ServedModel(network(revin, stride), CENTER_C, SCALE_C, 5.0, LabelUnits()).eval()
    x_BLC = unscaled()
    before_BK = served(x_BLC)
    x_BLC[3, bar, channel] = torch.nan
    after_BK = served(x_BLC)
    assert after_BK.isnan().flatten().tolist() == [False, False, False, True, False]
    assert torch.equal(after_BK[[0, 1, 2, 4]], before_BK[[0, 1, 2, 4]])


def test_the_scaler_travels_with_the_weights_and_is_not_trained() -> None:
    served = ServedModel(network(), CENTER_C, SCALE_C, 5.0, LabelUnits())
    state = served.state_dict()
    torch.testing.assert_close(state["center_C"].double().numpy(), CENTER_C)
    torch.testing.assert_close(state["scale_C"].double().numpy(), SCALE_C)
    trained = sum(weight.numel() for weight in served.parameters())
    assert trained == sum(weight.numel() for weight in network().parameters())


def test_it_exports_with_any_batch_size() -> None:
    served = ServedModel(network(), CENTER_C, SCALE_C, 5.0, LabelUnits()).eval()
    program = torch.export.export(
        served, (unscaled(3),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    exported = program.module()
    for batch in (1, 2, 7, 31):
        x_BLC = unscaled(batch)
        torch.testing.assert_close(exported(x_BLC), served(x_BLC))
    x_BLC = unscaled(7)
    x_BLC[2, 5, 1] = torch.nan
    assert exported(x_BLC).isnan().flatten().nonzero().flatten().tolist() == [2]
