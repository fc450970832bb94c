"""Our encoder is the PatchTST of Hugging Face transformers, and torch's own encoder layer.

Theirs treats channels apart, so one channel is compared; their encoder ends before the final
norm, and so does the comparison.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from finscale.model import Architecture, PatchTST
from finscale.model.patchtst import normalise_window

transformers = pytest.importorskip("transformers")

SHAPES = [(23, 5, 3), (23, 5, 4), (60, 10, 5)]  # context, patch, stride


def network(context: int, length: int, stride: int, revin: bool = False) -> PatchTST:
    torch.manual_seed(17)
    arch = Architecture(
        n_channels=1,
        d_model=14,
        n_layers=3,
        n_heads=7,
        d_ff=11,
        context_length=context,
        patch_length=length,
        patch_stride=stride,
        revin=revin,
    )
    model = PatchTST(arch).eval()
    with torch.no_grad():  # freshly built norms and biases are trivial: a swap would not show
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


def last_hidden_state(model: PatchTST, x_BLC: Tensor) -> Tensor:
    """Return what enters our final norm."""
    seen: list[Tensor] = []
    handle = model.norm.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0]))
    model(x_BLC)
    handle.remove()
    return seen[0]


def theirs(model: PatchTST, scaling: str | None) -> nn.Module:
    """Build their model with our weights."""
    arch = model.arch
    config = transformers.PatchTSTConfig(
        num_input_channels=1,
        context_length=arch.context_length,
        patch_length=arch.patch_length,
        patch_stride=arch.patch_stride,
        d_model=arch.d_model,
        num_hidden_layers=arch.n_layers,
        num_attention_heads=arch.n_heads,
        ffn_dim=arch.d_ff,
        norm_type="layernorm",
        norm_eps=1e-5,
        pre_norm=True,
        activation_function="gelu",
        positional_encoding_type="random",
        use_cls_token=False,
        channel_attention=False,
        scaling=scaling,
        do_mask_input=False,
    )
    other: nn.Module = transformers.PatchTSTModel(config)
    copied = other.load_state_dict(renamed(model), strict=False)
    assert not copied.missing_keys and not copied.unexpected_keys
    return other.eval()


def renamed(model: PatchTST) -> dict[str, Tensor]:
    """Give our weights the names they have there."""
    weights = {
        "encoder.embedder.input_embedding.weight": model.embedding.weight,
        "encoder.embedder.input_embedding.bias": model.embedding.bias,
        "encoder.positional_encoder.position_enc": model.position_PD,
    }
    for number, layer in enumerate(model.layers):
        there = f"encoder.layers.{number}"
        for part in ("weight", "bias"):
            joint = layer.get_parameter(f"query_key_value.{part}").chunk(3)
            for letter, own in zip("qkv", joint, strict=True):
                weights[f"{there}.self_attn.{letter}_proj.{part}"] = own
            for name, ours in {
                "self_attn.out_proj": "attention_out",
                "norm_sublayer1": "norm_attention",
                "norm_sublayer3": "norm_feed_forward",
                "ff.0": "feed_forward.0",
                "ff.3": "feed_forward.3",
            }.items():
                weights[f"{there}.{name}.{part}"] = layer.get_parameter(f"{ours}.{part}")
    return weights


@pytest.mark.parametrize(("context", "length", "stride"), SHAPES)
def test_the_encoder_is_theirs(context: int, length: int, stride: int) -> None:
    model = network(context, length, stride)
    x_BLC = 3 * torch.randn(13, context, 1)
    with torch.no_grad():
        expected = theirs(model, scaling=None)(past_values=x_BLC).last_hidden_state
        ours_BPD = last_hidden_state(model, x_BLC)
    assert expected.shape == (13, 1, model.arch.n_patches, 14)
    assert ours_BPD.std() > 0.1
    torch.testing.assert_close(ours_BPD, expected[:, 0], rtol=0, atol=1e-5)


def test_with_revin_it_is_theirs_with_standard_scaling() -> None:
    model = network(23, 5, 3, revin=True)
    x_BLC = 3 * torch.randn(13, 23, 1) + 50
    with torch.no_grad():
        # Their scaler takes at least 1 where we add 1e-5 to the variance: both see variance 9.
        expected = theirs(model, scaling="std")(past_values=x_BLC).last_hidden_state
        ours_BPD = last_hidden_state(model, x_BLC)
    torch.testing.assert_close(ours_BPD, expected[:, 0], rtol=0, atol=1e-4)
    assert normalise_window(x_BLC).mean(1).abs().max() < 1e-4


def test_a_layer_is_torchs_own_with_the_norm_first() -> None:
    model = network(23, 5, 3)
    layer = model.layers[1]
    torchs = nn.TransformerEncoderLayer(
        14, 7, 11, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    names = {
        "self_attn.in_proj_": "query_key_value.",
        "self_attn.out_proj.": "attention_out.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_feed_forward.",
        "linear1.": "feed_forward.0.",
        "linear2.": "feed_forward.3.",
    }
    torchs.load_state_dict(
        {
            there + part: layer.get_parameter(ours + part)
            for there, ours in names.items()
            for part in ("weight", "bias")
        }
    )
    tokens_BPD = torch.randn(5, 7, 14)
    with torch.no_grad():
        torch.testing.assert_close(layer(tokens_BPD), torchs.eval()(tokens_BPD), rtol=0, atol=1e-5)
