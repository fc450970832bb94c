"""Engine of training steps."""

from __future__ import annotations

from typing import Literal

AskedCompile = Literal["auto", "true", "false"]
"""What a user may ask for. With `auto`, a measurement decides."""
COMPILE = "compile and capture training steps: true, false, or auto: if it saves more time than it \
takes"
"""Description of the option."""
