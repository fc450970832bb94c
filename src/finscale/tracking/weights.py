"""Weights of a run: stored with their size, and removed with a reason.

The size is a tag, so that the total of a search can be summed from one frame of its runs. Listing
the files of every trial would take one call per trial.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from finscale.config import StoreError
from finscale.tracking.names import Artifact, Tag
from finscale.tracking.runs import Run
from finscale.tracking.store import ask, first_line, open_client


def log_weights(run: Run, path: Path) -> None:
    """Store a file of weights and its size."""
    assert path.name == Artifact.WEIGHTS, path
    # The size is written first: after a kill in between, the total is too high, not too low.
    run.tag({Tag.WEIGHTS_BYTES: path.stat().st_size})
    run.file(path)


def remove_weights(run: Run, why: str) -> None:
    """Delete the weights of a run, if it has any. Its other files are kept.

    Parameters
    ----------
    why : str
        The reason, stored as a tag, such as "removed: beyond max_artifact_gib".

    Raises
    ------
    StoreError
        If the artifact store does not delete files.
    """
    uri = open_client().get_run(run.run_id).info.artifact_uri
    try:
        ask(lambda: get_artifact_repository(uri).delete_artifacts(Artifact.WEIGHTS.value))
    except StoreError as error:
        raise StoreError(
            f"run {run.run_id}",
            expected=f"an artifact store that deletes {Artifact.WEIGHTS}",
            got=first_line(error),
            todo="Permit it, or keep all weights: -P artifacts=all and a larger max_artifact_gib.",
        ) from None
    # Tagged afterwards: after a kill in between, they still count and are removed again.
    run.tag({Tag.WEIGHTS_BYTES: 0, Tag.WEIGHTS: why})
