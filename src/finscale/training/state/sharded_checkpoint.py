"""Checkpoints of a model whose weights are sharded over several devices.

Each rank writes its shards of weights and moments. The first one then writes the usual file, with
everything else and the name of the folder of shards; any training can be resumed from the two. No
device and no process needs the memory for a whole model with its moments.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from torch import Tensor, distributed, nn

from finscale.training.machine import Ranks, is_shard, is_sharded
from finscale.training.state.checkpoint import (
    CheckpointKeeper,
    Checkpoints,
    StoredState,
    write_checkpoint,
)
from finscale.training.state.shards import Shards, empty, free_folder, read_shards, write_shards
from finscale.training.state.state import Tensors, TrainingState


def keeper_of(
    checkpoints: Checkpoints, identity: Mapping[str, Any], model: nn.Module
) -> CheckpointKeeper:
    """Return the keeper of a model's checkpoint; if its weights are sharded, one of several."""
    kind = ShardedKeeper if is_sharded(model) else CheckpointKeeper
    return kind(checkpoints, identity)


class ShardedKeeper(CheckpointKeeper):
    """Reads and writes the checkpoint of one run, together with the keepers of the other ranks."""

    _taken: Shards | None = None

    @property
    def _ranks(self) -> Ranks:
        return Ranks(distributed.get_rank(), distributed.get_world_size())

    def is_due(self) -> bool:
        """Tell whether it is time for the next write, by the clock of the first rank."""
        return bool(self._ranks.agreed(self._pace.is_due()))

    def save(self, state: TrainingState) -> None:
        """Write the checkpoint; all ranks must call.

        Raises
        ------
        Exception
            If it cannot be written; an earlier one stays.
        """
        ranks = self._ranks
        with self._pace.taken():
            self._before()
            folder = free_folder(self._path, self._taken)
            if ranks.is_first:
                shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
                folder.mkdir(parents=True)
            ranks.wait()
            everything = state.everything()
            write_shards(folder, {k: v for k, v in everything.items() if is_shard(v)})
            self._taken = Shards.of(folder)
            if ranks.is_first:
                others = {k: v.cpu() for k, v in everything.items() if not is_shard(v)}
                stored = StoredState(self._identity, state.values(), others, self._taken)
                write_checkpoint(self._path, stored)
            ranks.wait()  # so that no rank goes on before the checkpoint is whole

    def _tensors(self, found: StoredState, state: TrainingState) -> Tensors:
        """Return what was stored, sharded as the model is; what does not fit it as it is."""
        self._taken = found.shards
        like = _sharded_like(state)
        if found.shards is None:
            fits = state.fits(found.tensors)
            return {
                name: _sharded(tensor, like[name]) if fits and name in like else tensor
                for name, tensor in found.tensors.items()
            }
        folder = self._path.with_name(found.shards.folder)
        stored = empty(folder, "meta")
        if not state.fits(stored):
            return stored
        read = {name: like[name].detach().clone() for name in stored}
        read_shards(folder, read)
        return found.tensors | read


def _sharded_like(state: TrainingState) -> Tensors:
    """Return, for the name of each stored tensor that is sharded, one that is sharded equally."""
    weights = state.model.state_dict()
    like = {f"{part}.{name}": w for part in ("model", "best") for name, w in weights.items()}
    for number, weight in enumerate(state.model.parameters()):
        like |= {f"optimiser.{number}.{moment}": weight for moment in ("exp_avg", "exp_avg_sq")}
    return like


def _sharded(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this rank's shard of a tensor that every rank has whole."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    there = tensor.to(like.device)
    return distribute_tensor(there, like.device_mesh, like.placements, src_data_rank=None)
