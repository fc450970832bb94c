"""The training loop: schedule, early stopping, best weights; for one model or for several.

Legend: `M` models, `B` batch, `N` samples, `K` outputs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import torch
from torch import nn

from finscale.config import AskedCompile
from finscale.model import PatchTST
from finscale.training.inputs import (
    Epoch,
    FitResult,
    FitSettings,
    IsStopping,
    Loss,
    OnEpoch,
    Samples,
    bce_loss,
    learning_rate_factor,
)
from finscale.training.machine import (
    MicroBatch,
    Ranks,
    available_memory_bytes,
    micro_batch,
    tf32_products,
    using_threads,
)
from finscale.training.member import Member, MemberRun
from finscale.training.state import Checkpoints, TrainingState
from finscale.training.steps import (
    Engine,
    FixedShapeStep,
    OneModelStep,
    SharedStep,
    StackedStep,
    Step,
    choose_engine,
    compile_layers,
    cuda_graph,
    repeated,
    shared_micro,
)


class _StopAskedError(Exception):
    """Raised between two batches to stop the run."""


def fit(
    model: nn.Module,
    train: Samples,
    validation: Samples,
    settings: FitSettings,
    *,
    on_epoch: OnEpoch,
    loss: Loss = bce_loss,
    checkpoints: Checkpoints | None = None,
    is_stopping: IsStopping = lambda: False,
    compile: AskedCompile = "false",
) -> FitResult:
    """Train `model` in place and leave it with its best weights.

    Parameters
    ----------
    model : Module
        Maps windows x_BLC to raw outputs_BK.
    train, validation : Samples
        Samples on the same device as the model.
    on_epoch : callable
        Called after each epoch; its answer says how to continue.
    loss : callable
        Maps outputs_BK and labels_B to the losses_B of the samples in nats; their mean is the
        objective in training and in validation.
    checkpoints : Checkpoints, optional
        Checkpoint to resume from, if its settings, model and numbers of samples are the same, and
        to write during the run. The caller removes the file once the result is stored.
    is_stopping : callable, optional
        Called before each batch and after each epoch. If it returns true, a checkpoint is written
        at once, and the run ends as "stopped".
    compile : str
        Whether steps are compiled and captured: "true", "false", or "auto", which measures.

    Raises
    ------
    OSError
        If a checkpoint cannot be written.

    Notes
    -----
    The function seeds torch's global generator, from which dropout draws. On a CPU, equal inputs
    and an equal number of threads give equal weights, even if the run was stopped or killed and
    resumed: a small model has one thread, and a checkpoint holds the number of a large one.
    """
    alone = Member(model, settings.seed, on_epoch, checkpoints)
    return fit_together(
        [alone], train, validation, settings, loss=loss, is_stopping=is_stopping, compile=compile
    )[0]


def fit_together(
    members: Sequence[Member],
    train: Samples,
    validation: Samples,
    settings: FitSettings,
    *,
    loss: Loss = bce_loss,
    is_stopping: IsStopping = lambda: False,
    compile: AskedCompile = "false",
    ranks: Ranks | None = None,
) -> list[FitResult]:
    """Train several models of one architecture in one program, each as `fit` would train it alone.

    Each model has an order of samples, dropout, early stopping, result and checkpoint of its own.
    One that ends early leaves the program, and the others go on. Models whose checkpoints are from
    different moments are trained in separate groups.

    Parameters
    ----------
    settings : FitSettings
        Settings of all members. The seed is each member's own.
    ranks : Ranks, optional
        The processes that train the only member together; all of them call this function.

    Returns
    -------
    list of FitResult
        The results in the order of the members.
    """
    runs = [MemberRun(member, settings, len(train), len(members) == 1) for member in members]
    crews = groupby(sorted(runs, key=lambda run: run.state.place), lambda run: run.state.place)
    try:
        for _, crew in crews:
            _Training([*crew], train, validation, settings, loss, is_stopping, compile, ranks).go()
    finally:
        for run in runs:
            run.wait()
    return [run.result() for run in runs]


class _Training:
    """The loop over epochs and batches of runs that are at the same place."""

    def __init__(
        self,
        crew: list[MemberRun],
        train: Samples,
        validation: Samples,
        settings: FitSettings,
        loss: Loss,
        is_stopping: IsStopping,
        compile: AskedCompile,
        ranks: Ranks | None,
    ) -> None:
        self._compile, self._ranks = compile, ranks
        self._crew, self._train, self._validation = crew, train, validation
        self._settings, self._loss, self._is_stopping = settings, loss, is_stopping

    def go(self) -> None:
        """Train every run until it ends, or until a stop is asked for."""
        try:
            first = self._crew[0].state
            if self._ranks:  # they share the cores, and the checkpoint may be of a model alone
                first.n_threads = min(first.n_threads, torch.get_num_threads())
            with using_threads(first.n_threads), tf32_products(first.device.type):
                self._micro = self._choose_micro()
                self._engine = self._choose_engine()
                for run in self._crew:
                    run.engine = self._engine
                while crew := self._going():
                    self._train_until_one_ends(crew)
        except _StopAskedError:
            for run in [run for run in self._crew if run.is_going]:
                run.stop()

    def _going(self) -> list[MemberRun]:
        for run in self._crew:
            if run.is_going:
                run.end_if_over()
        return [run for run in self._crew if run.is_going]

    def _train_until_one_ends(self, crew: Sequence[MemberRun]) -> None:
        """Train epoch after epoch; the weights must be stacked anew when a run has ended."""
        step, batch_size = self._step([run.state for run in crew]), self._settings.batch_size
        while len(self._going()) == len(crew):
            rate = self._rate(crew[0].state.epoch, 0)
            began, first = time.perf_counter(), crew[0].state.batch * batch_size
            train_losses = self._train_epoch(crew, step)
            seconds = time.perf_counter() - began
            n_samples = min(crew[0].state.batch * batch_size, len(self._train)) - first
            val_losses = self._validate(step)
            for run, train_loss, val_loss in zip(crew, train_losses, val_losses, strict=True):
                number = run.state.epoch + 1
                run.end_epoch(Epoch(number, train_loss, val_loss, rate, seconds, n_samples))
            self._save_if_due(crew)
            self._look()  # also after the last epoch, whose result is not stored yet

    def _choose_micro(self) -> MicroBatch:
        """Choose how many windows are computed at a time: a whole batch, if memory allows it."""
        state, settings = self._crew[0].state, self._settings
        if len(self._crew) > 1 or not isinstance(state.model, PatchTST):
            return MicroBatch(settings.batch_size, checkpointing=False)
        if self._ranks:
            return shared_micro(state, settings, self._ranks)
        device = state.device
        free = available_memory_bytes(device) + state.n_bytes
        return micro_batch(
            state.model.arch,
            settings.batch_size,
            settings.precision,
            free,
            device_type=device.type,
        )

    def _choose_engine(self) -> Engine:
        """Choose how steps are executed; a resumed run goes on as it began."""
        state, settings = self._crew[0].state, self._settings
        if not isinstance(state.model, PatchTST):
            return Engine(reason="no encoder layers")
        if self._ranks:
            return Engine(reason=f"on {self._ranks.count} devices")
        n_steps = settings.total_steps(len(self._train))
        computed = replace(settings, batch_size=self._micro.size)
        engine = choose_engine(self._compile, state.model.arch, computed, n_steps, state.device)
        if self._micro.size < settings.batch_size:
            engine = replace(engine, is_captured=False)  # memory may run out: parts may get smaller
        if state.place > (0, 0):
            engine = replace(engine, is_compiled=state.is_compiled)
        return replace(engine, is_compiled=False) if len(self._crew) > 1 else engine

    def _step(self, states: Sequence[TrainingState]) -> Step:
        first, engine = states[0], self._engine
        if engine.is_compiled and isinstance(first.model, PatchTST):
            compile_layers(first.model)
        for state in states:
            state.is_compiled = engine.is_compiled
        arguments = (self._train, self._settings, self._loss)
        if self._ranks:
            return SharedStep(first, *arguments, self._micro, self._ranks)
        step: Step = (
            OneModelStep(first, *arguments, self._micro)
            if len(states) == 1
            else StackedStep(states, *arguments)
        )
        if not (engine.is_captured or engine.is_compiled):
            return step
        capture = cuda_graph if engine.is_captured else repeated
        return FixedShapeStep(step, states, self._settings.batch_size, capture)

    def _train_epoch(self, crew: Sequence[MemberRun], step: Step) -> list[float]:
        """Train an epoch, or the rest of one, and return each run's mean loss of its batches."""
        states = [run.state for run in crew]
        first, settings, n_train = states[0], self._settings, len(self._train)
        left = settings.total_steps(n_train) - first.epoch * settings.steps_per_epoch(n_train)
        for state in states:
            state.model.train()
            if not state.batch:
                state.begin_epoch()
        order_MN = torch.stack([state.draw_order(n_train) for state in states]).to(first.device)
        for which_MB in order_MN.split(settings.batch_size, dim=1)[first.batch : left]:
            self._look()
            step(which_MB, self._rate(first.epoch, first.batch))
            for state in states:
                state.batch += 1
            self._save_if_due(crew)
        n_seen = settings.n_seen(first.epoch + 1, n_train) - settings.n_seen(first.epoch, n_train)
        return [float(state.losses) / n_seen for state in states]

    def _save_if_due(self, crew: Sequence[MemberRun]) -> None:
        """Write the checkpoints of all runs at one moment, so that they resume together."""
        going = [run for run in crew if run.is_going]
        if any(run.is_due for run in going):
            for run in going:
                run.save()

    def _validate(self, step: Step) -> list[float]:
        labels_N = self._validation.labels_N.cpu().double()
        outputs_MNK = step.outputs(self._validation, self._look).double()
        return [float(self._loss(outputs_NK, labels_N).mean()) for outputs_NK in outputs_MNK]

    def _rate(self, epoch: int, batch: int) -> float:
        """Return the learning rate of a step, after this many epochs and batches."""
        settings, n_train = self._settings, len(self._train)
        number = epoch * settings.steps_per_epoch(n_train) + batch
        total = settings.total_steps(n_train)
        return settings.learning_rate * learning_rate_factor(number, settings.warmup_steps, total)

    def _look(self) -> None:
        if self._is_stopping():
            raise _StopAskedError
