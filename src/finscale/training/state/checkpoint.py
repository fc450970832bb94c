"""Checkpoints: the state of a run in one file, from which training resumes bit by bit.

Nothing is pickled: tensors are in a safetensors file, and plain values as JSON in its header.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from finscale.training.inputs import Pace
from finscale.training.state.shards import Shards, read_whole, remove_shards
from finscale.training.state.state import Tensors, TrainingState

SCHEMA = 1
"""Version of the names and values in a file; a file of another version is not resumed."""
MID_EPOCH_SCHEMA = 2
"""Version of a file that was written within an epoch, and also holds the state of this epoch."""
SHARDED_SCHEMA = 3
"""Version of a file whose weights and moments are in shards beside it."""


@dataclass(frozen=True)
class Checkpoints:
    """Place and pace of the checkpoints of a run.

    Attributes
    ----------
    every_s : float
        Least number of seconds between two writes.
    before : callable
        Called before each write, so that the caller can first store all epochs that it was told.
    tell : callable
        Called with a sentence if a file that is found cannot be used.
    is_read_only : bool
        Whether a run only resumes from the file, because another process writes it.
    """

    path: Path
    every_s: float = 30.0
    before: Callable[[], object] = lambda: None
    tell: Callable[[str], object] = lambda _: None
    is_read_only: bool = False


class CheckpointKeeper:
    """Reads and writes the checkpoint of one run.

    Tensors of an accelerator are copied to the memory of the CPU, and written to the disk by a
    thread while the training goes on: a model of 2B has 24 GB of weights and moments. Tensors that
    are on the CPU are written at once, because a copy would take as much memory again.

    Parameters
    ----------
    identity : mapping
        Values, stored as JSON, that must be equal for a run to resume from the file.
    clock : callable, optional
        Returns the time in seconds, for the pace of writing.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        identity: Mapping[str, Any],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._path, self._before = checkpoints.path, checkpoints.before
        self._tell, self._is_read_only = checkpoints.tell, checkpoints.is_read_only
        self._pace = Pace(checkpoints.every_s, clock)
        self._identity = json.loads(json.dumps(identity))  # JSON turns tuples into lists
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None

    def resume(self, state: TrainingState) -> None:
        """Restore `state` from the file, if there is one of the same run; else say why not."""
        is_cut_short = _draft(self._path).exists()
        found = _read(self._path)
        if found is None and self._path.exists():
            self._tell(f"checkpoint {self._path.name} is damaged: training begins anew")
        elif found:
            self._restore(found, state)
        if is_cut_short:
            instead = "the one before is used" if found else "there is none before it"
            self._tell(f"the last checkpoint was cut short when its process died: {instead}")

    def _restore(self, found: StoredState, state: TrainingState) -> None:
        tensors = self._tensors(found, state) if found.identity == self._identity else {}
        if state.fits(tensors):
            state.restore(tensors, found.values)
            return
        other = "of other settings, data or another architecture"
        self._tell(f"checkpoint {self._path.name} is {other}: training begins anew")

    def _tensors(self, found: StoredState, _: TrainingState) -> Tensors:
        """Return all stored tensors."""
        if found.shards is None:
            return found.tensors
        return found.tensors | read_whole(self._path.with_name(found.shards.folder))

    def is_due(self) -> bool:
        """Tell whether it is time for the next write, and the last one has ended."""
        if self._is_read_only:
            return False
        return self._pace.is_due() and (self._writing is None or self._writing.done())

    def save(self, state: TrainingState) -> None:
        """Write the checkpoint, or let a thread write it while an accelerator goes on.

        Raises
        ------
        OSError
            If it, or the one before it, cannot be written; an earlier file stays.
        """
        self.wait()
        if self._is_read_only:
            return
        with self._pace.taken():
            self._before()
            checkpoint = StoredState(self._identity, state.values(), state.tensors())
            if state.device.type == "cpu":
                write_checkpoint(self._path, checkpoint)
            else:
                self._writing = self._writer.submit(write_checkpoint, self._path, checkpoint)

    def wait(self) -> None:
        """Wait until the file is written.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()


def remove_checkpoint(path: Path) -> None:
    """Delete a checkpoint, and a partial file that a killed process may have left."""
    path.unlink(missing_ok=True)
    shutil.rmtree(_draft(path), ignore_errors=True)
    remove_shards(path)


@dataclass(frozen=True)
class Reached:
    """Progress of a run: finished epochs, and finished batches of the current epoch."""

    epoch: int = 0
    batch: int = 0

    def is_beyond(self, mark: str) -> bool:
        """Return True if more is finished than at an earlier `mark`."""
        return (self.epoch, self.batch) > tuple(map(int, f"{mark}:0".split(":")[:2]))

    @property
    def mark(self) -> str:
        """The progress as text: the epoch, or within an epoch ``epoch:batch``."""
        return f"{self.epoch}:{self.batch}" if self.batch else str(self.epoch)


def reached(path: Path) -> Reached:
    """Return the progress in a checkpoint: the beginning if none can be read."""
    found = _read(path)
    return found.reached if found else Reached()


def last_epoch(path: Path) -> int:
    """Return the number of finished epochs, 0 if no checkpoint can be read."""
    return reached(path).epoch


@dataclass(frozen=True, eq=False)
class StoredState:
    """What a checkpoint holds.

    Attributes
    ----------
    shards : Shards, optional
        Where the other tensors are, if they are sharded.
    """

    identity: dict[str, Any]
    values: dict[str, float]
    tensors: Tensors
    shards: Shards | None = None

    @property
    def reached(self) -> Reached:
        """The progress of the run."""
        return Reached(int(self.values["epoch"]), int(self.values.get("batch", 0)))


def write_checkpoint(path: Path, checkpoint: StoredState) -> None:
    """Replace the file atomically: a kill at any moment leaves the old file or the new one."""
    schema = MID_EPOCH_SCHEMA if checkpoint.reached.batch else SCHEMA
    plain = {"schema": schema, "identity": checkpoint.identity, "values": checkpoint.values}
    if checkpoint.shards:
        plain |= {"schema": SHARDED_SCHEMA, "shards": asdict(checkpoint.shards)}
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
        remove_shards(path, checkpoint.shards)  # those of the file before
    except SafetensorError as error:
        raise OSError(f"checkpoint {path}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    """Return the folder in which a file is first written; killed processes leave at most one.

    It is a folder because safetensors makes a temporary file of its own, and beside the target
    because ``os.replace`` is atomic only within one file system.
    """
    return path.with_name(f".{path.name}.tmp")


def _read(path: Path) -> StoredState | None:
    """Read a checkpoint; None if the file is missing, damaged or of another schema."""
    try:
        content = path.read_bytes()  # read once: `safe_open` opens twice, a write may come between
        tensors = load(content)
    except (SafetensorError, OSError):
        return None
    end = 8 + int.from_bytes(content[:8], "little")  # the format: a length, then a header in JSON
    header = json.loads(content[8:end]).get("__metadata__", {})
    text = header.get("plain", "")
    if header.get("crc32") != _checksum(text, tensors):
        return None
    plain = json.loads(text)
    if plain["schema"] not in (SCHEMA, MID_EPOCH_SCHEMA, SHARDED_SCHEMA):
        return None
    shards = Shards(**plain["shards"]) if "shards" in plain else None
    if shards and not shards.are_whole(path):
        return None
    return StoredState(plain["identity"], plain["values"], tensors, shards)


def _checksum(text: str, tensors: Tensors) -> str:
    """Return a checksum that shows flipped bits; the format itself detects only wrong lengths."""
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return str(total)
