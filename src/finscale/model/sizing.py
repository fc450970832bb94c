"""The size of a PatchTST: exact parameter count, FLOPs and memory, from formulas alone.

Legend: `B` batch, `C` channels, `P` patches, `D` model width, `F` feed-forward width, `H` heads,
`K` outputs; `l` bars in a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

from finscale.model.architecture import Architecture


@dataclass(frozen=True)
class ParamCount:
    """Trainable parameters by group."""

    embedding: int
    encoder: int
    head: int

    @property
    def total(self) -> int:
        """Total number of trainable parameters, which every fit uses as `n_params`."""
        return self.embedding + self.encoder + self.head


def count_params(arch: Architecture) -> ParamCount:
    """Count the trainable parameters of ``PatchTST(arch)`` without building it.

    Examples
    --------
    >>> from finscale.model import Architecture, count_params
    >>> arch = Architecture(
    ...     n_channels=25,
    ...     context_length=60,
    ...     patch_length=10,
    ...     patch_stride=5,
    ...     d_model=32,
    ...     n_layers=2,
    ...     n_heads=4,
    ...     d_ff=64,
    ...     n_outputs=1,
    ... )
    >>> count_params(arch)
    ParamCount(embedding=8384, encoder=17152, head=353)
    """
    patches, width = arch.n_patches, arch.d_model
    embedding = arch.patch_length * arch.n_channels * width + width + patches * width
    attention = 4 * width * width + 4 * width
    feed_forward = 2 * width * arch.d_ff + arch.d_ff + width
    norms = 4 * width
    encoder = arch.n_layers * (attention + feed_forward + norms) + 2 * width
    head = patches * width * arch.n_outputs + arch.n_outputs
    return ParamCount(embedding, encoder, head)


def forward_flops(arch: Architecture) -> int:
    """Count the floating-point operations of one window's forward pass.

    Only matrix products count, with 2 operations per multiplication. Training costs three times as
    much (Kaplan et al. 2020, table 1: backward is twice forward).
    """
    patches, width = arch.n_patches, arch.d_model
    embedding = patches * arch.patch_length * arch.n_channels * width
    projections = patches * (4 * width * width + 2 * width * arch.d_ff)
    attention = 2 * patches * patches * width
    head = patches * width * arch.n_outputs
    return 2 * (embedding + arch.n_layers * (projections + attention) + head)


def training_memory_bytes(arch: Architecture, batch_size: int) -> int:
    """Estimate the memory of a training step in float32: weights, gradients, AdamW, activations.

    A parameter takes 16 bytes (weight, gradient, two moments). Activations follow Korthikanti et
    al. 2022, eq. 1, with 4-byte numbers and the feed-forward term of 16 D bytes scaled to F: a
    layer keeps about 2 (18 D + 4 F) + 2 * 5 H P bytes per token.
    """
    tokens = batch_size * arch.n_patches
    a_token = 2 * (18 * arch.d_model + 4 * arch.d_ff) + 10 * arch.n_heads * arch.n_patches
    inputs = 4 * batch_size * arch.context_length * arch.n_channels * 3
    return 16 * count_params(arch).total + tokens * arch.n_layers * a_token + inputs
