"""Weights lie beside the architecture they belong to, in a format that runs no code."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from finscale.config import DataError
from finscale.model import Architecture, PatchTST, load_weights, save_weights

ARCH = Architecture(
    n_channels=3,
    d_model=10,
    n_layers=2,
    n_heads=5,
    d_ff=7,
    context_length=17,
    patch_length=3,
    patch_stride=2,
    dropout=0.1,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "weights.safetensors"
    save_weights(PatchTST(ARCH), path)
    return path


def test_weights_come_back_bit_for_bit(saved: Path) -> None:
    torch.manual_seed(3)
    original = PatchTST(ARCH).state_dict()
    model = load_weights(saved, ARCH)
    assert model.arch == ARCH
    assert not model.training
    assert list(model.state_dict()) == list(original)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, original[name])


def test_the_file_is_safetensors_with_the_architecture_in_its_header(saved: Path) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"]["architecture"]) == asdict(ARCH)
    assert not zipfile.is_zipfile(saved)  # which a pickle of torch is
    with safe_open(saved, framework="pt") as file:
        assert set(file.keys()) == set(PatchTST(ARCH).state_dict())


@pytest.mark.parametrize(
    "other",
    [
        replace(ARCH, n_heads=2),  # the same shapes: only the header can tell
        replace(ARCH, revin=True),
        replace(ARCH, dropout=0.2),
        replace(ARCH, n_layers=3),
        replace(ARCH, n_channels=5),
    ],
    ids=["heads", "revin", "dropout", "layers", "channels"],
)
def test_weights_of_another_architecture_are_refused(saved: Path, other: Architecture) -> None:
    with pytest.raises(DataError, match=r"expected weights of .* got weights of ") as caught:
        load_weights(saved, other)
    assert str(saved) in caught.value.line


@pytest.mark.parametrize("n_bytes", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(saved: Path, n_bytes: int) -> None:
    saved.write_bytes(saved.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match="expected readable weights in safetensors format"):
        load_weights(saved, ARCH)


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save(PatchTST(ARCH).state_dict(), path)
    with pytest.raises(DataError, match="readable weights"):
        load_weights(path, ARCH)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.safetensors: expected readable weights"):
        load_weights(tmp_path / "nowhere.safetensors", ARCH)
