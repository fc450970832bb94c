from .checkpoint import (
    CheckpointKeeper,
    Checkpoints,
    Reached,
    last_epoch,
    reached,
    remove_checkpoint,
)
from .sharded_checkpoint import keeper_of
from .state import TrainingState

__all__ = [
    "CheckpointKeeper",
    "Checkpoints",
    "Reached",
    "TrainingState",
    "keeper_of",
    "last_epoch",
    "reached",
    "remove_checkpoint",
]
