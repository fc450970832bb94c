"""A model in training: its state, its checkpoint, and how it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from finscale.training.inputs import Epoch, FitResult, FitSettings, OnEpoch, Signal
from finscale.training.machine import default_threads, peak_memory_bytes
from finscale.training.state import CheckpointKeeper, Checkpoints, TrainingState, keeper_of
from finscale.training.steps import Engine, make_optimiser

LARGEST_NORM = 1e12
"""Norm of the gradients above which a model has diverged; normal ones are below 1,000."""


@dataclass(frozen=True, eq=False)
class Member:
    """One of several models that are trained together.

    Attributes
    ----------
    seed : int
        Seed of its order of samples and of its dropout.
    """

    model: nn.Module
    seed: int
    on_epoch: OnEpoch
    checkpoints: Checkpoints | None = None


class MemberRun:
    """A member in training: its state, its checkpoint, and how it ended."""

    def __init__(self, member: Member, settings: FitSettings, n_train: int, is_alone: bool) -> None:
        self.member, self.settings = member, settings.with_seed(member.seed)
        self.n_train = n_train
        self.status = self.reason = ""
        self.engine = Engine()
        model, order = member.model, torch.Generator().manual_seed(member.seed)
        torch.manual_seed(member.seed)
        self.state = TrainingState(
            model,
            make_optimiser([*model.parameters()], settings),
            order,
            n_threads=default_threads(model),
        )
        self.state.losses = torch.zeros((), device=self.state.device)
        self.state.largest_norm = torch.zeros((), device=self.state.device)
        if not is_alone and self.state.device.type == "cpu":
            self.state.dropout = torch.Generator().manual_seed(member.seed)
        self._keeper: CheckpointKeeper | None = None
        if member.checkpoints:
            identity = {"settings": self.settings.identity(), "n_train": n_train}
            self._keeper = keeper_of(member.checkpoints, identity, model)
            self._keeper.resume(self.state)

    @property
    def is_going(self) -> bool:
        """True until the run has ended."""
        return not self.status

    @property
    def is_due(self) -> bool:
        """True if it is time for a checkpoint."""
        return self._keeper is not None and self._keeper.is_due()

    def save(self) -> None:
        """Write a checkpoint, if the run has one."""
        if self._keeper:
            self._keeper.save(self.state)

    def wait(self) -> None:
        """Wait until the checkpoint is written, so that the caller may remove it."""
        if self._keeper:
            self._keeper.wait()

    def end_if_over(self) -> None:
        """End the run if its epochs or its patience are used up."""
        state = self.state
        # Patience counts from the end of the warm-up: earlier losses carry no information.
        counted_from = max(state.best_epoch, self.settings.warmup_epochs(self.n_train))
        if state.epoch and state.epoch - counted_from >= self.settings.patience:
            self.status, self.reason = "ok", "early_stop"
        elif state.epoch >= self.settings.n_epochs(self.n_train):
            self.status, self.reason = "ok", "completed"

    def end_epoch(self, epoch: Epoch) -> None:
        """Take the losses of an epoch, report it, and end the run if the answer says so."""
        state = self.state
        state.end_epoch()
        if not (math.isfinite(epoch.train_loss) and math.isfinite(epoch.val_loss)):
            self.status, self.reason = "diverged", "not_finite"
            return
        if not float(state.largest_norm) <= LARGEST_NORM:  # also if it is not a number
            self.status, self.reason = "diverged", "exploding_norm"
            return
        state.see(epoch.val_loss)
        # If the process is killed here, the epoch is repeated and reported twice, but never lost.
        signal = self.member.on_epoch(epoch)
        if signal is Signal.PRUNE:
            self.status = self.reason = "pruned"
            return
        if signal is Signal.STOP:
            self.stop()

    def stop(self) -> None:
        """Write a checkpoint from which the run can be resumed, and end it."""
        self.save()
        self.status = self.reason = "stopped"

    def result(self) -> FitResult:
        """Return the result; the model gets its best weights, unless the run was stopped."""
        state = self.state
        if self.status != "stopped":
            state.take_best()
        n_seen, seconds = self.settings.n_seen(state.epoch, self.n_train), state.seconds
        return FitResult(
            status=self.status,
            reason=self.reason,
            best_epoch=state.best_epoch,
            val_loss=math.nan if self.status == "diverged" else state.best_loss,
            epochs_run=state.epoch,
            n_seen=n_seen,
            wall_time_s=seconds,
            samples_per_second=n_seen / seconds,
            peak_memory_bytes=peak_memory_bytes(state.device),
            micro_batch_size=state.micro.size if state.micro else self.settings.batch_size,
            engine=f"{self.engine.name}: {self.engine.reason}",
        )
