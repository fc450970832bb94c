"""A multilayer perceptron on the flattened window: the baseline with the size of a PatchTST.

Legend: `B` batch, `L` context length, `C` channels, `W` hidden width, `K` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class MlpArchitecture:
    """A perceptron of one hidden layer.

    Attributes
    ----------
    n_channels, context_length : int
        C and L of the input.
    width : int
        Hidden width W.
    n_outputs : int
        K: 1 for a logit, 2 for mean and log sigma.
    dropout : float
        Dropout rate after the hidden layer.
    """

    n_channels: int
    context_length: int
    width: int
    n_outputs: int = 1
    dropout: float = 0.0


class MLP(nn.Module):
    """A perceptron with one hidden layer and GELU; inputs and outputs are those of a PatchTST."""

    def __init__(self, arch: MlpArchitecture) -> None:
        super().__init__()
        self.arch = arch
        self.layers = nn.Sequential(
            nn.Flatten(1),
            nn.Linear(arch.context_length * arch.n_channels, arch.width),
            nn.GELU(),
            nn.Dropout(arch.dropout),
            nn.Linear(arch.width, arch.n_outputs),
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return outputs_BK: logits (K=1), or mean and log sigma (K=2)."""
        outputs_BK: Tensor = self.layers(x_BLC)
        return outputs_BK


def count_mlp_params(arch: MlpArchitecture) -> int:
    """Count the trainable parameters of ``MLP(arch)`` without building it: W(LC + 1 + K) + K."""
    inputs = arch.context_length * arch.n_channels
    return arch.width * (inputs + 1 + arch.n_outputs) + arch.n_outputs


def mlp_of_size(
    n_params: int, *, n_channels: int, context_length: int, n_outputs: int = 1, dropout: float = 0.0
) -> MlpArchitecture:
    """Return the perceptron whose exact size is nearest to `n_params`; its width is at least 1."""
    one_unit = context_length * n_channels + 1 + n_outputs
    return MlpArchitecture(
        n_channels=n_channels,
        context_length=context_length,
        width=max(1, round((n_params - n_outputs) / one_unit)),
        n_outputs=n_outputs,
        dropout=dropout,
    )
