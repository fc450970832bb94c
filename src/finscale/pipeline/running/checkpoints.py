"""Place and pace of checkpoints: one file for each model in training."""

from __future__ import annotations

from pathlib import Path

from finscale.pipeline.running.epoch_log import EpochLog
from finscale.pipeline.running.progress import Line, Listen
from finscale.tracking import Run
from finscale.training import Checkpoints

CHECKPOINT_EVERY_S = 30.0
"""Seconds between two checkpoints: the most work that a kill loses."""


def checkpoint_path(data_root: Path, run: Run, fold: int = 0) -> Path:
    """Return the path of the checkpoint of a run's model, while it trains on a fold."""
    name = f"{run.run_id}.{fold}" if fold else run.run_id
    return data_root / "checkpoints" / f"{name}.safetensors"


def checkpoints_of(path: Path, log: EpochLog, listen: Listen, name: str) -> Checkpoints:
    """Return the checkpoints at a path, each written after the epochs of `log` are.

    Parameters
    ----------
    listen : callable
        Told if a file that is found cannot be used.
    name : str
        What is trained, as it is called in this line.
    """
    return Checkpoints(
        path,
        CHECKPOINT_EVERY_S,
        before=log.flush,
        tell=lambda text: listen(Line(f"{name}: {text}.")),
    )
