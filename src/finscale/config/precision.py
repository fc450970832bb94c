"""Precision of the arithmetic in training."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16"]
AskedPrecision = Literal["auto", "float32", "bfloat16"]
"""What a user may ask for. With `auto`, the device on which a model is trained decides."""
PRECISION = "arithmetic of training: float32, bfloat16, or auto, which is bfloat16 on recent GPUs"
"""Description of the option."""
