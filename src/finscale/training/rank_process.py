"""One rank: a process that trains its part of every batch, and asks the process that started it.

What passes between them goes through a pipe; weights and samples are in safetensors files in a
temporary folder.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from finscale.model import Architecture, PatchTST
from finscale.training.inputs import Epoch, FitResult, FitSettings, Loss, Samples, Signal
from finscale.training.loop import fit_together
from finscale.training.machine import Ranks, joined, whole
from finscale.training.member import Member
from finscale.training.state import Checkpoints
from finscale.training.steps import must_shard

INPUT, OUTPUT, MEETING = "input.safetensors", "output.safetensors", "meeting"
"""Files in the temporary folder: samples and first weights, last weights, and where ranks meet."""
_SIGNALS = tuple(Signal)


@dataclass(frozen=True)
class Job:
    """What every rank is told.

    Attributes
    ----------
    count : int
        Number of ranks.
    n_threads : int
        Threads of each on the CPU.
    folder : Path
        The temporary folder.
    checkpoint : Path or None
        Place of the checkpoint, if one is written, with the least seconds between two writes.
    is_sharded : bool or None
        Whether weights are sharded; None: if the model does not fit one device.
    """

    count: int
    n_threads: int
    folder: Path
    device_type: str
    arch: Architecture
    context_length: int
    settings: FitSettings
    loss: Loss
    checkpoint: Path | None
    every_s: float
    is_sharded: bool | None


@dataclass(frozen=True)
class Look:
    """The question whether to stop; the answer is a bool."""


@dataclass(frozen=True)
class BeforeCheckpoint:
    """A checkpoint is about to be written; the answer is None."""


@dataclass(frozen=True)
class Unusable:
    """A sentence that says why a checkpoint that was found is not used; the answer is None."""

    sentence: str


@dataclass(frozen=True)
class Ended:
    """A rank has ended well; the first one has the result, and has written the weights."""

    result: FitResult


@dataclass(frozen=True)
class Failed:
    """A rank has ended with an error, at a time on the machine's monotonic clock."""

    error: Exception
    at: float


Question = Look | BeforeCheckpoint | Unusable | Epoch


def run_rank(job: Job, number: int, pipe: Connection) -> None:
    """Train as one of the ranks, tell the end, and leave."""
    _end_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process that started this one decides
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries greet each other on stdout
    try:
        end: Ended | Failed = _train(job, number, pipe)
    except Exception as error:
        end = Failed(_sendable(error), time.monotonic())
    with suppress(OSError):  # the process that started this one is gone
        pipe.send(end)
    os._exit(0)  # a normal exit would spend seconds on unloading libraries


def _train(job: Job, number: int, pipe: Connection) -> Ended:
    torch.set_num_threads(job.n_threads)
    device = torch.device(job.device_type, number) if job.device_type == "cuda" else _CPU
    with joined(number, job.count, job.folder / MEETING, device) as ranks:
        model, train, validation = _inputs(job, ranks, device)
        asking = _Asking(ranks, pipe)
        member = Member(model, job.settings.seed, asking.signal, _checkpoints(job, asking))
        (result,) = fit_together(
            [member],
            train,
            validation,
            job.settings,
            loss=job.loss,
            is_stopping=asking.is_stopping,
            ranks=ranks,
        )
        _write_weights(model, job.folder / OUTPUT, ranks)
        return Ended(result)


_CPU = torch.device("cpu")


def _inputs(job: Job, ranks: Ranks, device: torch.device) -> tuple[PatchTST, Samples, Samples]:
    """Read samples and weights; the weights are sharded, if the model does not fit one device."""
    stored = load_file(job.folder / INPUT)
    shards = job.is_sharded
    if shards is None:
        shards = must_shard(job.arch, job.settings, ranks, device)
    model = PatchTST(job.arch)
    names = model.state_dict()
    model.load_state_dict({name: stored[f"model.{name}"] for name in names})
    if shards:
        shard(model, device.type, job.count)
    else:
        model.to(device)
    train, validation = (
        Samples(
            stored[f"{part}.values"],
            stored[f"{part}.positions"],
            stored[f"{part}.labels"],
            job.context_length,
        ).to(device)
        for part in ("train", "validation")
    )
    return model, train, validation


def shard(model: PatchTST, device_type: str, count: int) -> None:
    """Leave this rank a shard of the weights; layers are put together when they are needed."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device_type, (count,))
    for layer in model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)  # else weights stay put together


def _checkpoints(job: Job, asking: _Asking) -> Checkpoints | None:
    """Return the checkpoints: all ranks resume from them, and the first one writes them."""
    if job.checkpoint is None:
        return None
    mine = Checkpoints(job.checkpoint, job.every_s, asking.before, asking.tell)
    return mine if asking.ranks.is_first else replace(mine, is_read_only=True)


def _write_weights(model: PatchTST, path: Path, ranks: Ranks) -> None:
    weights = {}
    for name, weight in model.state_dict().items():
        full = whole(weight)  # all ranks take part
        if ranks.is_first:
            weights[name] = full.cpu().contiguous()
    if ranks.is_first:
        save_file(weights, path)


@dataclass(frozen=True)
class _Asking:
    """Asks the process that started the ranks; the first rank asks, and tells the others."""

    ranks: Ranks
    pipe: Connection

    def is_stopping(self) -> bool:
        """Ask whether to stop."""
        return bool(self.ranks.agreed(self._asked(Look()) if self.ranks.is_first else 0))

    def signal(self, epoch: Epoch) -> Signal:
        """Report an epoch, and ask how to continue."""
        answer = _SIGNALS.index(self._asked(epoch)) if self.ranks.is_first else 0
        return _SIGNALS[self.ranks.agreed(answer)]

    def before(self) -> None:
        """Let everything be stored that was reported before a checkpoint."""
        if self.ranks.is_first:
            self._asked(BeforeCheckpoint())

    def tell(self, sentence: str) -> None:
        """Tell why a checkpoint is not used."""
        if self.ranks.is_first:
            self._asked(Unusable(sentence))

    def _asked(self, question: Question) -> Any:
        self.pipe.send(question)
        return self.pipe.recv()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, whatever it is waiting for."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _sendable(error: Exception) -> Exception:
    """Return the error with its traceback as a note, or what it says, if it cannot be sent."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # its class may need more than it keeps
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
