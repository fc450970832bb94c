"""`fit` of one model on several devices, or on the CPU in several processes.

The process that calls starts one more for each device, answers their questions (is a stop asked
for? how does the run continue after this epoch?), and takes the weights at the end. Processes are
started by `multiprocessing` and not by torchrun: torchrun watches its processes at intervals of its
own, takes over the handling of signals and restarts groups, while here a pipe tells at once that a
process has died, and the calling process, which holds the tracking run, decides everything.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from finscale.config import LostError, deaf_children
from finscale.model import PatchTST
from finscale.training.inputs import (
    Epoch,
    FitResult,
    FitSettings,
    IsStopping,
    Loss,
    Samples,
    Signal,
    bce_loss,
)
from finscale.training.member import Member
from finscale.training.rank_process import (
    INPUT,
    OUTPUT,
    BeforeCheckpoint,
    Ended,
    Failed,
    Job,
    Look,
    Question,
    Unusable,
    run_rank,
)


def fit_on_several(
    member: Member,
    train: Samples,
    validation: Samples,
    settings: FitSettings,
    *,
    n_devices: int,
    device_type: str,
    loss: Loss = bce_loss,
    is_stopping: IsStopping = lambda: False,
    is_sharded: bool | None = None,
) -> FitResult:
    """Train a model on several devices, as `fit` would on one, and leave it with its best weights.

    Each device computes its part of every batch, so the batch, its loss and its gradient stay the
    same. A checkpoint of a training on one device is gone on with on several, and the reverse.

    Parameters
    ----------
    member : Member
        The model, on the CPU, with its seed, callback and checkpoints.
    train, validation : Samples
        Samples on the CPU.
    loss : callable
        A loss that can be pickled, because other processes compute it.
    is_sharded : bool, optional
        Whether each device holds only a shard of weights, gradients and moments. By default it does
        if the model does not fit one device.

    Raises
    ------
    LostError
        If one of the processes dies; the others are ended.
    """
    with TemporaryDirectory(prefix="finscale-") as name:
        folder = Path(name)
        job = _job(member, train, settings, n_devices, device_type, loss, folder)
        _write_input(folder / INPUT, member.model, {"train": train, "validation": validation})
        started: dict[Connection, BaseProcess] = {}
        try:
            for number in range(n_devices):
                pipe, process = _start(replace(job, is_sharded=is_sharded), number)
                started[pipe] = process
            result = _follow([*started], _Answers(member, is_stopping))
        finally:
            _end(started)
        _read_weights(folder / OUTPUT, member.model)
    return result


def _job(
    member: Member,
    train: Samples,
    settings: FitSettings,
    n_devices: int,
    device_type: str,
    loss: Loss,
    folder: Path,
) -> Job:
    assert isinstance(member.model, PatchTST), "only PatchTSTs are trained on several devices"
    checkpoints = member.checkpoints
    return Job(
        count=n_devices,
        n_threads=max(1, torch.get_num_threads() // n_devices),
        folder=folder,
        device_type=device_type,
        arch=member.model.arch,
        context_length=train.context_length,
        settings=settings.with_seed(member.seed),
        loss=loss,
        checkpoint=checkpoints.path if checkpoints else None,
        every_s=checkpoints.every_s if checkpoints else 0.0,
        is_sharded=None,
    )


def _write_input(path: Path, model: nn.Module, parts: Mapping[str, Samples]) -> None:
    tensors = {f"model.{name}": weight for name, weight in model.state_dict().items()}
    for part, samples in parts.items():
        tensors[f"{part}.values"] = samples.values_TC
        tensors[f"{part}.positions"] = samples.positions_N
        tensors[f"{part}.labels"] = samples.labels_N
    # Copied, because a file cannot hold two tensors that share memory.
    save_file({name: tensor.detach().clone() for name, tensor in tensors.items()}, path)


def _read_weights(path: Path, model: nn.Module) -> None:
    model.load_state_dict(load_file(path))
    model.eval()


def _start(job: Job, number: int) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a forked torch is broken
    ours, theirs = context.Pipe()
    process = context.Process(target=run_rank, args=(job, number, theirs), daemon=True)
    resource_tracker.ensure_running()  # starting it later would unblock Ctrl-C again
    with deaf_children():  # they never hear Ctrl-C: this process hears it, and is asked
        process.start()
    theirs.close()  # so that the pipe ends when the process dies
    return ours, process


@dataclass(frozen=True)
class _Answers:
    """Answers what the first rank asks."""

    member: Member
    is_stopping: IsStopping

    def to(self, question: Question) -> bool | Signal | None:
        """Return the answer to a question."""
        checkpoints = self.member.checkpoints
        match question:
            case Look():
                return self.is_stopping()
            case Epoch():
                return self.member.on_epoch(question)
            case BeforeCheckpoint():
                assert checkpoints
                checkpoints.before()
            case Unusable():
                assert checkpoints
                checkpoints.tell(question.sentence)
        return None


def _follow(pipes: Sequence[Connection], answers: _Answers) -> FitResult:
    """Answer questions until every rank has ended; return the result of the first one.

    Raises
    ------
    LostError
        If a rank has died.
    Exception
        The error of the rank that failed first.
    """
    ended: dict[Connection, FitResult] = {}
    while len(ended) < len(pipes):
        heard = _heard([pipe for pipe in pipes if pipe not in ended])
        _raise_first([said for said in heard.values() if isinstance(said, Failed)])
        for pipe, said in heard.items():
            if isinstance(said, Ended):
                ended[pipe] = said.result
            elif not isinstance(said, Failed):
                with suppress(OSError):  # it has died since: its pipe will show that
                    pipe.send(answers.to(said))
    return ended[pipes[0]]


def _heard(pipes: Sequence[Connection]) -> dict[Connection, Question | Ended | Failed]:
    """Wait until a rank says something, and return what each has said.

    Raises
    ------
    LostError
        If one has died: what others say then is only that it no longer answers them.
    """
    heard = {}
    for pipe in wait(pipes):
        assert isinstance(pipe, Connection)
        try:
            heard[pipe] = pipe.recv()
        except (EOFError, OSError):
            raise LostError(
                "training on several devices",
                expected="every process to live until the end",
                got="one that died (out of memory, or killed)",
                todo="The same command goes on from the last checkpoint.",
            ) from None
    return heard


def _raise_first(failures: Sequence[Failed]) -> None:
    if failures:
        raise min(failures, key=lambda failed: failed.at).error


def _end(started: Mapping[Connection, BaseProcess]) -> None:
    """End the processes; those that have ended well are on their way out already."""
    for pipe, process in started.items():
        process.kill()
        process.join()
        pipe.close()
