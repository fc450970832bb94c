"""Training steps: of one model, and of several models whose weights are stacked.

A step changes the weights and adds the losses of its batch up on the device; nothing waits for the
device within an epoch.

Legend: `M` models, `B` batch, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from finscale.config import is_out_of_memory
from finscale.model import PatchTST, StackedPatchTST
from finscale.training.inputs import FitSettings, Loss, Samples
from finscale.training.machine import MicroBatch, autocast, release_memory
from finscale.training.state import TrainingState
from finscale.training.steps.prediction import Look, predict, predict_together


class Step(Protocol):
    """Trains one or several models on one batch each."""

    def __call__(self, which_MB: Tensor, rate: float) -> None:
        """Train each model on its own samples, given by their numbers, at a learning rate."""

    def learn(self, which_MB: Tensor, weights_B: Tensor | None = None) -> None:
        """Do the same at the rate that is set, with weights for the samples of a batch.

        A sample of weight 0 only fills the batch: loss and gradients are those of the others.
        """

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser of all weights."""

    def outputs(self, samples: Samples, look: Look) -> Tensor:
        """Return outputs_MNK of all models in evaluation mode, on the CPU."""


def make_optimiser(parameters: Sequence[nn.Parameter], settings: FitSettings) -> torch.optim.AdamW:
    """Return AdamW; one operation updates all weights, which is faster on every device.

    On CUDA, the learning rate and the count of steps are on the device, so that a step can be
    captured in a graph and waits for nothing.
    """
    on_cuda = parameters[0].device.type == "cuda"
    rate = settings.learning_rate
    return torch.optim.AdamW(
        parameters,
        lr=torch.tensor(rate, device=parameters[0].device) if on_cuda else rate,
        capturable=on_cuda,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )


class OneModelStep:
    """A step of one model.

    If its batch does not fit into memory, gradients are added up over micro-batches, which gives
    those of the whole batch. If memory runs out nevertheless, micro-batches are halved.

    Parameters
    ----------
    micro : MicroBatch, optional
        How the batch is computed at first; by default at once.
    """

    def __init__(
        self,
        state: TrainingState,
        train: Samples,
        settings: FitSettings,
        loss: Loss,
        micro: MicroBatch | None = None,
    ) -> None:
        state.train_alone()
        self._state, self._train, self._loss = state, train, loss
        self._network: nn.Module = state.model
        self._clip_norm, self._precision = settings.clip_norm, settings.precision
        self.micro = micro or MicroBatch(settings.batch_size, checkpointing=False)

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser of the model."""
        return self._state.optimiser

    @property
    def micro(self) -> MicroBatch:
        """How a batch is computed."""
        return self._micro

    @micro.setter
    def micro(self, micro: MicroBatch) -> None:
        self._micro = self._state.micro = micro
        if isinstance(self._state.model, PatchTST):
            self._state.model.checkpoints_layers = micro.checkpointing

    def __call__(self, which_MB: Tensor, rate: float) -> None:
        """Train the model on a batch, in smaller micro-batches if memory runs out."""
        set_rate(self.optimiser, rate)
        before = self._state.random_state()
        while True:
            try:
                return self.learn(which_MB)
            except Exception as error:
                smaller = self._micro.smaller()
                if smaller is None or not is_out_of_memory(error):
                    raise
            # Outside of the except block, whose error keeps the tensors of the failed step.
            self.optimiser.zero_grad(set_to_none=True)
            self.micro = smaller
            self._state.restore_random(before)
            release_memory(self._state.device)

    def learn(self, which_MB: Tensor, weights_B: Tensor | None = None) -> None:
        """Train the model on a batch at the rate that is set."""
        state, which_B = self._state, which_MB[0]
        n = len(which_B) if weights_B is None else weights_B.sum()
        self.optimiser.zero_grad(set_to_none=True)
        parts = which_B.split(self._micro.size)
        weights = [None] * len(parts) if weights_B is None else weights_B.split(self._micro.size)
        mean = torch.zeros((), device=state.device)
        for part_B, part_weights_B in zip(parts, weights, strict=True):
            share = self._losses(part_B, part_weights_B).sum() / n
            share.backward()
            mean += share.detach()
        norm = nn.utils.clip_grad_norm_(state.model.parameters(), self._clip_norm)
        self.optimiser.step()
        state.losses += mean * n
        torch.maximum(state.largest_norm, norm, out=state.largest_norm)

    def _losses(self, which_B: Tensor, weights_B: Tensor | None) -> Tensor:
        """Return losses_B of samples, each times its weight."""
        with autocast(self._state.device.type, self._precision):
            outputs_BK = self._network(self._train.windows(which_B))
        losses_B = self._loss(outputs_BK.float(), self._train.labels_N[which_B])
        return losses_B if weights_B is None else losses_B * weights_B

    def outputs(self, samples: Samples, look: Look) -> Tensor:
        """Return outputs_MNK of the model."""
        return predict(self._state.model, samples, look, precision=self._precision).unsqueeze(0)


class StackedStep:
    """A step of several models of one architecture, computed together.

    The weights, moments and sums of the states become views of stacked tensors, so every state can
    be stored at any moment as if its model were trained alone.
    """

    def __init__(
        self, states: Sequence[TrainingState], train: Samples, settings: FitSettings, loss: Loss
    ) -> None:
        models = [state.model for state in states if isinstance(state.model, PatchTST)]
        assert len(models) == len(states), "only PatchTSTs can be stacked"
        self._model = StackedPatchTST(models)
        self._optimiser = make_optimiser([*self._model.parameters()], settings)
        self._train, self._loss = train, loss
        self._clip_norm, self._precision = settings.clip_norm, settings.precision
        self._dropouts = [state.dropout for state in states if state.dropout]
        self._losses_M = torch.stack([state.losses for state in states])
        self._norms_M = torch.stack([state.largest_norm for state in states])
        for number, state in enumerate(states):
            state.losses = self._losses_M[number]
            state.largest_norm = self._norms_M[number]
        _share_moments(self._optimiser, [state.optimiser for state in states])

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser of the stacked weights."""
        return self._optimiser

    def __call__(self, which_MB: Tensor, rate: float) -> None:
        """Train each model on its own batch."""
        set_rate(self._optimiser, rate)
        self.learn(which_MB)

    def learn(self, which_MB: Tensor, weights_B: Tensor | None = None) -> None:
        """Train each model on its own batch at the rate that is set."""
        n_models, n_batch = which_MB.shape
        self._optimiser.zero_grad(set_to_none=True)
        which = which_MB.flatten()
        x_MBLC = self._train.windows(which).unflatten(0, (n_models, n_batch))
        self._model.train()
        with autocast(x_MBLC.device.type, self._precision):
            outputs = self._model(x_MBLC, self._dropouts).flatten(0, 1)
        losses_MB = self._loss(outputs.float(), self._train.labels_N[which]).view(n_models, n_batch)
        n = n_batch if weights_B is None else weights_B.sum()
        losses_MB = losses_MB if weights_B is None else losses_MB * weights_B
        means_M = losses_MB.sum(1) / n
        means_M.sum().backward()
        norms_M = clip_each(self._gradients(), self._clip_norm)
        self._optimiser.step()
        self._losses_M += means_M.detach() * n
        torch.maximum(self._norms_M, norms_M, out=self._norms_M)

    def outputs(self, samples: Samples, look: Look) -> Tensor:
        """Return outputs_MNK of the models."""
        return predict_together(self._model, samples, look, self._precision)

    def _gradients(self) -> list[Tensor]:
        return [weight.grad for weight in self._model.parameters() if weight.grad is not None]


def clip_each(gradients: Sequence[Tensor], clip_norm: float) -> Tensor:
    """Clip the gradients of each model to a norm of their own; return norms_M before clipping.

    Parameters
    ----------
    gradients : sequence of Tensor
        Stacked gradients; the first axis counts the models.
    """
    norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
    norms_M: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    factors_M = (clip_norm / (norms_M + 1e-6)).clamp(max=1.0)  # as in torch's clip_grad_norm_
    for gradient in gradients:
        gradient.mul_(factors_M.view(-1, *[1] * (gradient.dim() - 1)))
    return norms_M


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next steps."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _share_moments(
    stacked: torch.optim.Optimizer, optimisers: Sequence[torch.optim.Optimizer]
) -> None:
    """Stack the moments of several optimisers, which then hold views of the stacked ones."""
    weights = stacked.param_groups[0]["params"]
    owned = [optimiser.param_groups[0]["params"] for optimiser in optimisers]
    for place, weight in enumerate(weights):
        of_each = [
            (optimiser.state, mine[place])
            for optimiser, mine in zip(optimisers, owned, strict=True)
        ]
        moments = {
            name: torch.stack([_moment(state, own, name) for state, own in of_each])
            for name in ("exp_avg", "exp_avg_sq")
        }
        first, own = of_each[0]
        step = first[own]["step"].clone() if own in first else torch.zeros((), device=weight.device)
        stacked.state[weight] = {"step": step, **moments}
        for number, (state, own) in enumerate(of_each):
            views = {name: moment[number] for name, moment in moments.items()}
            state[own] = {"step": step, **views}


def _moment(state: dict[Tensor, dict[str, Tensor]], weight: Tensor, name: str) -> Tensor:
    return state[weight][name] if weight in state else torch.zeros_like(weight)
