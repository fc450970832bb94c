"""Engine of training steps: how they are executed, and on how many devices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from finscale.config.errors import ConfigError


def _as_text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value  # YAML reads true as a bool


AskedCompile = Annotated[Literal["auto", "true", "false"], BeforeValidator(_as_text)]
"""What a user may ask for. With `auto`, a measurement decides."""
COMPILE = "compile and capture training steps: true, false, or auto: if it saves more time than it \
takes"
"""Description of the option."""
NPROC = "number of devices that train one model together; on the CPU, of processes"
"""Description of the option."""


def check_nproc(nproc: int, workers: int) -> None:
    """Refuse several workers whose models have several devices each.

    Raises
    ------
    ConfigError
        If both numbers are above 1.
    """
    if nproc > 1 and workers > 1:
        raise ConfigError(
            "workers",
            expected=f"1, since each model is trained on nproc={nproc} devices",
            got=str(workers),
            todo="Leave one of the two out.",
        )
