"""A training step of one model on several devices.

Where the model fits one device, each has a copy, and gradients are averaged (Li et al. 2020,
"PyTorch Distributed"). Where it does not, each has a shard of weights, gradients and moments, and
layers are put together when they are needed (Zhao et al. 2023, "PyTorch FSDP").

Legend: `M` models, `B` batch, `b` a rank's part of it, `N` samples, `K` outputs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from finscale.model import Architecture, PatchTST
from finscale.training.inputs import FitSettings, Loss, Samples
from finscale.training.machine import (
    MicroBatch,
    Ranks,
    is_sharded,
    least_memory_bytes,
    micro_batch,
    spared_bytes,
    whole,
)
from finscale.training.state import TrainingState
from finscale.training.steps.prediction import Look, predict
from finscale.training.steps.steps import OneModelStep, set_rate


class SharedStep(OneModelStep):
    """A step in which each rank computes a part of the batch.

    Loss, gradients and their norm are those of the whole batch: every sample counts the same,
    however many a rank has.

    Notes
    -----
    Memory that runs out is an error here. The other ranks would wait for the one that repeats the
    batch in smaller parts.
    """

    def __init__(
        self,
        state: TrainingState,
        train: Samples,
        settings: FitSettings,
        loss: Loss,
        micro: MicroBatch,
        ranks: Ranks,
    ) -> None:
        super().__init__(state, train, settings, loss, micro)
        self._ranks, self._seed = ranks, settings.seed
        if not is_sharded(state.model):
            self._network = DistributedDataParallel(state.model, gradient_as_bucket_view=True)

    def __call__(self, which_MB: Tensor, rate: float) -> None:
        """Train the model on a batch, of which each rank computes its part."""
        set_rate(self.optimiser, rate)
        self.learn(which_MB)

    def learn(self, which_MB: Tensor, weights_B: Tensor | None = None) -> None:
        """Train the model on a batch at the rate that is set."""
        assert weights_B is None, "parts are filled here, so batches need not be"
        state, n, ranks = self._state, which_MB.shape[1], self._ranks
        # Ranks must drop different values; after a resume, they drop the same as without it.
        torch.manual_seed(ranks.seed(self._seed, *state.place))
        self.optimiser.zero_grad(set_to_none=True)
        which_b, weights_b = ranks.share(which_MB[0])
        parts = which_b.split(self._micro.size)
        mean = torch.zeros((), device=state.device)
        for number, part in enumerate(zip(parts, weights_b.split(self._micro.size), strict=True)):
            with self._gathering(is_last=number == len(parts) - 1):
                share = self._losses(*part).sum() / n
                (share * ranks.count).backward()  # torch averages over the ranks, we need the sum
            mean += share.detach()
        norm = whole(nn.utils.clip_grad_norm_(state.model.parameters(), self._clip_norm))
        self.optimiser.step()
        state.losses += ranks.total(mean) * n
        torch.maximum(state.largest_norm, norm, out=state.largest_norm)

    def _gathering(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Let gradients wait for those of the last micro-batch, and be averaged only once.

        Sharded ones are averaged each time, because a whole gradient may not fit the device.
        """
        if isinstance(self._network, DistributedDataParallel) and not is_last:
            return self._network.no_sync()
        return nullcontext()

    def outputs(self, samples: Samples, look: Look) -> Tensor:
        """Return outputs_MNK of the model; each rank computes those of its part."""
        every_N = torch.arange(len(samples), device=samples.labels_N.device)
        mine_b, _ = self._ranks.share(every_N)
        part = replace(
            samples, positions_N=samples.positions_N[mine_b], labels_N=samples.labels_N[mine_b]
        )
        outputs_bK = predict(self._state.model, part, look, precision=self._precision)
        return self._ranks.collected(outputs_bK, len(samples)).unsqueeze(0)


def shared_micro(state: TrainingState, settings: FitSettings, ranks: Ranks) -> MicroBatch:
    """Choose how many windows each rank computes at a time: its whole part, if memory allows it.

    Raises
    ------
    ConfigError
        If not even one window fits.
    """
    assert isinstance(state.model, PatchTST)
    arch, own, more = state.model.arch, state.n_bytes, 0
    if is_sharded(state.model):
        own, more = own // ranks.count, spared_bytes(arch, ranks.count)
    return micro_batch(
        arch,
        -(-settings.batch_size // ranks.count),
        settings.precision,
        ranks.free_bytes(state.device) + own + more,
        device_type=state.device.type,
    )


def must_shard(
    arch: Architecture, settings: FitSettings, ranks: Ranks, device: torch.device
) -> bool:
    """Tell whether a model does not fit one device, not even with one window at a time."""
    needed = least_memory_bytes(arch, settings.precision, device.type)
    return needed > ranks.free_bytes(device)
