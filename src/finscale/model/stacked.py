"""Several PatchTSTs of one architecture in one program: their weights are stacked.

A small model spends most of a step on starting operations. Several models that start each operation
together share this time. The stacked weights and the models' own are the same memory, so a model
can be stored, scored or trained alone at any moment.

Legend: `M` models, `B` batch, `L` context length, `C` channels, `P` patches, `T` tokens (B·P),
`I` and `O` inputs and outputs of a layer, `D` model width, `H` heads, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from finscale.model.patchtst import PatchTST, normalise_window


class StackedPatchTST(nn.Module):
    """Models of one architecture, which are computed together and do not affect each other.

    Parameters
    ----------
    models : sequence of PatchTST
        Their parameters become views of the stacked ones: both always hold the same values.

    Examples
    --------
    >>> import torch
    >>> from finscale.model import PatchTST, StackedPatchTST, architectures
    >>> models = [PatchTST(architectures(20_000, n_channels=25)[0]) for _ in range(2)]
    >>> x_MBLC = torch.zeros(2, 3, 60, 25)  # three windows for each of the two models
    >>> StackedPatchTST(models).eval()(x_MBLC).shape
    torch.Size([2, 3, 1])
    """

    def __init__(self, models: Sequence[PatchTST]) -> None:
        super().__init__()
        self.arch = models[0].arch
        assert all(model.arch == self.arch for model in models), "models of one architecture"
        self.n_models = len(models)
        names = [name for name, _ in models[0].named_parameters()]
        owned = [dict(model.named_parameters()) for model in models]
        self.stacked = nn.ParameterList(
            nn.Parameter(torch.stack([mine[name].detach() for mine in owned])) for name in names
        )
        self._place = {name: place for place, name in enumerate(names)}
        for number, mine in enumerate(owned):
            for name, own in mine.items():
                own.data = self._weight(name).data[number]

    def forward(self, x_MBLC: Tensor, dropouts: Sequence[Generator] = ()) -> Tensor:
        """Return outputs_MBK.

        Parameters
        ----------
        dropouts : sequence of Generator, optional
            For each model the generator of its dropout, which then drops what a model alone with
            this generator would. Without them, torch's own generator serves all models.
        """
        arch = self.arch
        if arch.revin:
            x_MBLC = normalise_window(x_MBLC.flatten(0, 1)).view_as(x_MBLC)
        recent_MBLC = x_MBLC[:, :, -arch.n_bars_seen :]
        patches_MBPCl = recent_MBLC.unfold(2, arch.patch_length, arch.patch_stride)
        tokens_MTI = patches_MBPCl.flatten(3).flatten(1, 2)
        embedded_MTD = self._linear("embedding", tokens_MTI)
        position_M1PD = self._weight("position_PD").unsqueeze(1)
        embedded_MBPD = _by_window(embedded_MTD, arch.n_patches) + position_M1PD
        tokens_MTD = self._drop(embedded_MBPD.flatten(1, 2), dropouts)
        for number in range(arch.n_layers):
            tokens_MTD = self._layer(f"layers.{number}", tokens_MTD, dropouts)
        normed_MTD = self._norm("norm", tokens_MTD)
        return self._linear("head", _by_window(normed_MTD, arch.n_patches).flatten(2))

    def _layer(self, name: str, tokens_MTD: Tensor, dropouts: Sequence[Generator]) -> Tensor:
        normed_MTD = self._norm(f"{name}.norm_attention", tokens_MTD)
        mixed_MTD = self._linear(f"{name}.attention_out", self._attend(name, normed_MTD))
        tokens_MTD = tokens_MTD + self._drop(mixed_MTD, dropouts)
        normed_MTD = self._norm(f"{name}.norm_feed_forward", tokens_MTD)
        hidden_MTI = functional.gelu(self._linear(f"{name}.feed_forward.0", normed_MTD))
        hidden_MTI = self._drop(hidden_MTI, dropouts)
        change_MTD = self._linear(f"{name}.feed_forward.3", hidden_MTI)
        return tokens_MTD + self._drop(change_MTD, dropouts)

    def _attend(self, name: str, tokens_MTD: Tensor) -> Tensor:
        arch = self.arch
        projected = self._linear(f"{name}.query_key_value", tokens_MTD)
        by_window = projected.view(
            -1, arch.n_patches, 3, arch.n_heads, arch.d_model // arch.n_heads
        )
        query, key, value = by_window.permute(2, 0, 3, 1, 4)  # each has M·B windows, H, P, d
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(tokens_MTD.shape)

    def _linear(self, name: str, x_MTI: Tensor) -> Tensor:
        weight_MOI, bias_MO = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return torch.baddbmm(bias_MO.unsqueeze(1), x_MTI, weight_MOI.transpose(1, 2))

    def _norm(self, name: str, x_MTD: Tensor) -> Tensor:
        weight_MD, bias_MD = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        normed_MTD = functional.layer_norm(x_MTD, x_MTD.shape[-1:])
        return torch.addcmul(bias_MD.unsqueeze(1), normed_MTD, weight_MD.unsqueeze(1))

    def _drop(self, x_MTI: Tensor, dropouts: Sequence[Generator]) -> Tensor:
        if not self.training or not self.arch.dropout:
            return x_MTI
        if not dropouts:
            return functional.dropout(x_MTI, self.arch.dropout)
        kept = 1.0 - self.arch.dropout
        mask_MTI = torch.empty_like(x_MTI)
        for mask_TI, generator in zip(mask_MTI, dropouts, strict=True):
            mask_TI.bernoulli_(kept, generator=generator)
        return x_MTI * mask_MTI.div_(kept)

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = self.stacked[self._place[name]]
        return weight


def _by_window(x_MTD: Tensor, n_patches: int) -> Tensor:
    n_models, _, width = x_MTD.shape
    return x_MTD.view(n_models, -1, n_patches, width)
