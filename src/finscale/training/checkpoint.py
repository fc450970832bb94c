"""Checkpoints: the state of a run in one file, from which training goes on to the bit.

Nothing is pickled: tensors lie in a safetensors file, plain values as JSON in its header.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from finscale.training.pace import Pace
from finscale.training.state import Tensors, TrainingState

SCHEMA = 1
"""Version of names and values below: a file of another version is not resumed."""
MID_EPOCH_SCHEMA = 2
"""Of a file that was written in the middle of an epoch: it holds what has come of that, too."""


@dataclass(frozen=True)
class Checkpoints:
    """Where a run keeps its state.

    Attributes
    ----------
    every_s : float
        Seconds that pass at least between two writes.
    before : callable
        Called before each write: what the caller was told of until then is safe afterwards.
    """

    path: Path
    every_s: float = 30.0
    before: Callable[[], object] = lambda: None


class CheckpointKeeper:
    """Resumes and writes the checkpoint of one run.

    Parameters
    ----------
    identity : mapping
        What must be equal for a run to go on with the file: it becomes JSON.
    clock : callable, optional
        Seconds, for the pace of writing.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        identity: Mapping[str, Any],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._path, self._before = checkpoints.path, checkpoints.before
        self._pace = Pace(checkpoints.every_s, clock)
        self._identity = json.loads(json.dumps(identity))  # tuples come back as lists

    def resume(self, state: TrainingState) -> None:
        """Bring `state` to where the file left it, if the file is of the same run."""
        found = _read(self._path)
        if found and found.identity == self._identity and state.fits(found.tensors):
            state.restore(found.tensors, found.values)

    def save(self, state: TrainingState, *, at_once: bool) -> None:
        """Write if it is time, or `at_once`.

        Raises
        ------
        OSError
            If it cannot be written: the file that was there stays.
        """
        if not at_once and not self._pace.is_due():
            return
        with self._pace.taken():
            self._before()
            _write(self._path, _Checkpoint(self._identity, state.values(), state.tensors()))


def remove_checkpoint(path: Path) -> None:
    """Delete a checkpoint, and what a kill may have left of the next one."""
    path.unlink(missing_ok=True)
    shutil.rmtree(_draft(path), ignore_errors=True)


@dataclass(frozen=True)
class Reached:
    """How far a run is: epochs that are over, and batches done of the one under way."""

    epoch: int = 0
    batch: int = 0


def reached(path: Path) -> Reached:
    """Return from where a checkpoint goes on: the beginning, where there is none to read."""
    found = _read(path)
    return found.reached if found else Reached()


def last_epoch(path: Path) -> int:
    """Return the number of epochs that are over, 0 where there is no checkpoint to read."""
    return reached(path).epoch


@dataclass(frozen=True, eq=False)
class _Checkpoint:
    identity: dict[str, Any]
    values: dict[str, float]
    tensors: Tensors

    @property
    def reached(self) -> Reached:
        return Reached(int(self.values["epoch"]), int(self.values.get("batch", 0)))


def _write(path: Path, checkpoint: _Checkpoint) -> None:
    """Replace the file in one step: a kill at any moment leaves the old one or the new one."""
    schema = MID_EPOCH_SCHEMA if checkpoint.reached.batch else SCHEMA
    plain = {"schema": schema, "identity": checkpoint.identity, "values": checkpoint.values}
    header = {"plain": json.dumps(plain)}
    header["crc32"] = _checksum(header["plain"], checkpoint.tensors)
    draft = _draft(path)
    shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
    try:
        draft.mkdir(parents=True)
        new = draft / path.name
        save_file(checkpoint.tensors, new, metadata=header)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except SafetensorError as error:
        raise OSError(f"checkpoint {path}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    """Return where a file is written first, each time the same: a kill leaves one at most.

    A folder, since safetensors makes a temporary file of its own, and beside the target, since
    ``os.replace`` is atomic within one file system only.
    """
    return path.with_name(f".{path.name}.tmp")


def _read(path: Path) -> _Checkpoint | None:
    """Return what the file holds, or None where it is missing, damaged or of another schema."""
    try:
        content = path.read_bytes()  # once: `safe_open` opens it twice, with a write in between
        tensors = load(content)
    except (SafetensorError, OSError):
        return None
    end = 8 + int.from_bytes(content[:8], "little")  # the format: a length, then a header in JSON
    header = json.loads(content[8:end]).get("__metadata__", {})
    text = header.get("plain", "")
    if header.get("crc32") != _checksum(text, tensors):
        return None
    plain = json.loads(text)
    if plain["schema"] not in (SCHEMA, MID_EPOCH_SCHEMA):
        return None
    return _Checkpoint(plain["identity"], plain["values"], tensors)


def _checksum(text: str, tensors: Tensors) -> str:
    """Tell a bit that has flipped: the format itself notices a wrong length only."""
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return str(total)
