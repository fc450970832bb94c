"""Files of weights with their architecture, which is compared on load; nothing is pickled."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from finscale.config import DataError
from finscale.model.architecture import Architecture
from finscale.model.patchtst import PatchTST


def save_weights(model: PatchTST, path: Path) -> None:
    """Write the weights as safetensors, with the architecture in the file's header."""
    weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    save_file(weights, path, metadata={"architecture": _canonical(model.arch)})


def load_weights(path: Path, arch: Architecture) -> PatchTST:
    """Build ``PatchTST(arch)`` with the weights of `path`, in evaluation mode.

    Raises
    ------
    DataError
        If the file is damaged or its weights belong to another architecture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            stored = (file.metadata() or {}).get("architecture")
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            str(path),
            expected="readable weights in safetensors format",
            got=str(error),
            todo="Take another run: this file is damaged.",
        ) from None
    if stored != _canonical(arch):
        raise DataError(
            str(path),
            expected=f"weights of {_canonical(arch)}",
            got=f"weights of {stored}",
            todo="Load the weights with the config.json in the same folder.",
        )
    model = PatchTST(arch)
    model.load_state_dict(weights, strict=True)
    return model.eval()


def _canonical(arch: Architecture) -> str:
    return json.dumps(asdict(arch), sort_keys=True)
