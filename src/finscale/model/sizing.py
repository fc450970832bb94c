"""The size of a PatchTST: exact parameter count and FLOPs, from formulas alone.

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
