from .checkpoint import (
    CheckpointKeeper,
    Checkpoints,
    Reached,
    last_epoch,
    reached,
    remove_checkpoint,
)
from .state import TrainingState

__all__ = [
    "CheckpointKeeper",
    "Checkpoints",
    "Reached",
    "TrainingState",
    "last_epoch",
    "reached",
    "remove_checkpoint",
]
