"""Engine of training steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator


def _as_text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value  # YAML reads true as a bool


AskedCompile = Annotated[Literal["auto", "true", "false"], BeforeValidator(_as_text)]
"""What a user may ask for. With `auto`, a measurement decides."""
COMPILE = "compile and capture training steps: true, false, or auto: if it saves more time than it \
takes"
"""Description of the option."""
