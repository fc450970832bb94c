"""PatchTST (Nie et al. 2023, "A Time Series is Worth 64 Words"), in plain torch.

It differs from the paper in one respect: a patch holds all channels, so that the indicators of one
asset are processed together (the paper treats channels as separate, independent series).

Legend: `B` batch, `L` context length, `C` channels, `P` patches, `D` model width, `F` feed-forward
width, `H` heads, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from finscale.model.architecture import Architecture


class PatchTST(nn.Module):
    """A transformer encoder over patches with a flatten head and raw outputs (no sigmoid).

    Attributes
    ----------
    checkpoints_layers : bool
        Whether training keeps only the input of each layer and computes the rest again in the
        backward pass (Chen et al. 2016). Results are the same, with less memory and more time.
    run_layer : callable
        Applies a layer to tokens_BPD in training; a compiled function may take its place.

    Examples
    --------
    >>> import torch
    >>> from finscale.model import PatchTST, architectures
    >>> model = PatchTST(architectures(20_000, n_channels=25)[0]).eval()
    >>> x_BLC = torch.zeros(3, 60, 25)  # three windows of 60 bars and 25 columns
    >>> model(x_BLC).shape
    torch.Size([3, 1])
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.arch = arch
        self.checkpoints_layers = False
        self.run_layer: Callable[[nn.Module, Tensor], Tensor] = run_layer
        width = arch.d_model
        self.embedding = nn.Linear(arch.patch_length * arch.n_channels, width)
        self.position_PD = nn.Parameter(torch.randn(arch.n_patches, width) * 0.02)
        self.dropout = nn.Dropout(arch.dropout)
        self.layers = nn.ModuleList(EncoderLayer(arch) for _ in range(arch.n_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(arch.n_patches * width, arch.n_outputs)

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return outputs_BK: logits (K=1), or mean and log sigma (K=2)."""
        if self.arch.revin:
            x_BLC = normalise_window(x_BLC)
        # If patches do not fill the window, the oldest bars are left out.
        recent_BLC = x_BLC[:, -self.arch.n_bars_seen :]
        patches_BPCl = recent_BLC.unfold(1, self.arch.patch_length, self.arch.patch_stride)
        tokens_BPD = self.embedding(patches_BPCl.flatten(2)) + self.position_PD
        tokens_BPD = self.dropout(tokens_BPD)
        for layer in self.layers:
            if not self.training:
                tokens_BPD = layer(tokens_BPD)
            elif self.checkpoints_layers:
                tokens_BPD = checkpoint(self.run_layer, layer, tokens_BPD, use_reentrant=False)
            else:
                tokens_BPD = self.run_layer(layer, tokens_BPD)
        outputs_BK: Tensor = self.head(self.norm(tokens_BPD).flatten(1))
        return outputs_BK


def run_layer(layer: nn.Module, tokens_BPD: Tensor) -> Tensor:
    """Map tokens_BPD to tokens_BPD by a layer."""
    result_BPD: Tensor = layer(tokens_BPD)
    return result_BPD


class EncoderLayer(nn.Module):
    """An encoder layer with pre-norm attention and feed-forward (Xiong et al. 2020), with GELU."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.n_heads = arch.n_heads
        self.norm_attention = nn.LayerNorm(arch.d_model)
        self.query_key_value = nn.Linear(arch.d_model, 3 * arch.d_model)
        self.attention_out = nn.Linear(arch.d_model, arch.d_model)
        self.norm_feed_forward = nn.LayerNorm(arch.d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(arch.d_model, arch.d_ff),
            nn.GELU(),
            nn.Dropout(arch.dropout),
            nn.Linear(arch.d_ff, arch.d_model),
        )
        self.dropout = nn.Dropout(arch.dropout)

    def forward(self, tokens_BPD: Tensor) -> Tensor:
        """Map tokens_BPD to tokens_BPD."""
        tokens_BPD = tokens_BPD + self.dropout(self._attend(self.norm_attention(tokens_BPD)))
        change_BPD = self.feed_forward(self.norm_feed_forward(tokens_BPD))
        result_BPD: Tensor = tokens_BPD + self.dropout(change_BPD)
        return result_BPD

    def _attend(self, tokens_BPD: Tensor) -> Tensor:
        projected = self.query_key_value(tokens_BPD).unflatten(2, (3, self.n_heads, -1))
        query_BHPd, key_BHPd, value_BHPd = projected.permute(2, 0, 3, 1, 4)
        mixed_BHPd = functional.scaled_dot_product_attention(query_BHPd, key_BHPd, value_BHPd)
        result_BPD: Tensor = self.attention_out(mixed_BHPd.transpose(1, 2).flatten(2))
        return result_BPD


def normalise_window(x_BLC: Tensor) -> Tensor:
    """Normalise each channel of each window to mean 0 and standard deviation 1.

    This is RevIN (Kim et al. 2022, eq. 1) without its learned scale, so that a model's size does
    not depend on it. Nothing is reversed, because the outputs do not continue the inputs.
    """
    mean_B1C = x_BLC.mean(1, keepdim=True)
    variance_B1C = x_BLC.var(1, keepdim=True, unbiased=False)
    return (x_BLC - mean_B1C) / torch.sqrt(variance_B1C + 1e-5)
