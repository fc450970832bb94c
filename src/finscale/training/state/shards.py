"""Files with the shards of tensors: each rank writes its own, and any number of ranks reads them.

They are written by `torch.distributed.checkpoint` as safetensors files; nothing is pickled. The
shards of a checkpoint lie in a folder beside it, and those of the next one in another: a kill at
any moment leaves whole ones.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

# Importing it takes a second.
if TYPE_CHECKING:
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader


@dataclass(frozen=True)
class Shards:
    """A folder of shards, as a checkpoint names it.

    Attributes
    ----------
    folder : str
        Name of the folder, beside the checkpoint.
    sizes : dict
        Bytes of each file in it.
    """

    folder: str
    sizes: dict[str, int]

    @classmethod
    def of(cls, folder: Path) -> Shards:
        """Return the shards that are in a folder now."""
        return cls(folder.name, _sizes(folder))

    def are_whole(self, path: Path) -> bool:
        """Tell whether all files of a checkpoint's shards are there in full length."""
        return bool(self.sizes) and _sizes(path.with_name(self.folder)) == self.sizes


def free_folder(path: Path, taken: Shards | None) -> Path:
    """Return the folder for the next shards of a checkpoint: not the one that it names now."""
    first, second = (path.with_name(f".{path.name}.shards.{turn}") for turn in "ab")
    return second if taken and taken.folder == first.name else first


def remove_shards(path: Path, kept: Shards | None = None) -> None:
    """Delete the shards of a checkpoint, except those that are to be kept."""
    for folder in path.parent.glob(f".{path.name}.shards.[ab]"):
        if kept is None or folder.name != kept.folder:
            shutil.rmtree(folder, ignore_errors=True)


def write_shards(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write this rank's shards; all ranks must call."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    save(dict(tensors), storage_writer=writer)


def read_shards(folder: Path, into: Mapping[str, Tensor]) -> None:
    """Read this rank's shards into tensors that are sharded in any way; all ranks must call."""
    from torch.distributed.checkpoint.state_dict_loader import load

    load(dict(into), storage_reader=_reader(folder))


def read_whole(folder: Path) -> dict[str, Tensor]:
    """Read all shards and put the tensors together, in one process on the CPU."""
    from torch.distributed.checkpoint.state_dict_loader import load

    tensors = empty(folder)
    with warnings.catch_warnings(category=UserWarning, action="ignore"):  # it is meant to be alone
        load(dict(tensors), storage_reader=_reader(folder), no_dist=True)
    return tensors


def empty(folder: Path, device: str = "cpu") -> dict[str, Tensor]:
    """Return tensors of the names, shapes and types of those in a folder, without their values."""
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    stored = _reader(folder).read_metadata().state_dict_metadata
    return {
        name: torch.empty(one.size, dtype=one.properties.dtype, device=device)
        for name, one in stored.items()
        if isinstance(one, TensorStorageMetadata)
    }


def _reader(folder: Path) -> HuggingFaceStorageReader:
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    return HuggingFaceStorageReader(str(folder))


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(folder.glob("*.safetensors"))}
