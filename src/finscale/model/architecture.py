"""The architecture of a PatchTST: all numbers that determine the shapes of its weights.

Legend: `B` batch, `L` context length, `C` channels, `P` patches, `D` model width, `K` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from finscale.config import CONTEXT_LENGTH, PATCH_LENGTH, PATCH_STRIDE


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The architecture of a PatchTST.

    Attributes
    ----------
    n_channels, context_length : int
        C and L of the input.
    patch_length, patch_stride : int
        Number of bars in a patch, and from one patch to the next.
    d_model, n_layers, n_heads, d_ff : int
        Width, depth, attention heads and feed-forward width of the encoder.
    n_outputs : int
        K: 1 for a logit, 2 for mean and log sigma.
    dropout : float
        Dropout rate after the embedding, on both residual branches and in the feed-forward layer.
    revin : bool
        Whether to normalise each window by its own mean and standard deviation.
    """

    n_channels: int
    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    context_length: int = CONTEXT_LENGTH
    patch_length: int = PATCH_LENGTH
    patch_stride: int = PATCH_STRIDE
    n_outputs: int = 1
    dropout: float = 0.0
    revin: bool = False

    def __post_init__(self) -> None:
        assert self.patch_length <= self.context_length
        assert self.d_model % self.n_heads == 0

    @property
    def n_patches(self) -> int:
        """Number of whole patches P in a window; the last one ends at the last bar.

        >>> Architecture(n_channels=25, d_model=16, n_layers=2, n_heads=2, d_ff=32).n_patches
        11
        """
        return (self.context_length - self.patch_length) // self.patch_stride + 1

    @property
    def n_bars_seen(self) -> int:
        """Number of bars that the patches cover: all bars if the stride divides evenly."""
        return self.patch_length + (self.n_patches - 1) * self.patch_stride
