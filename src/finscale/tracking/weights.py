"""The weights of a run: stored with their size, removed with the reason.

The size is a tag, so that what a search has stored is summed up from its runs' frame alone: to list
the files of every trial takes a call each.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from finscale.config import StoreError
from finscale.tracking.names import Artifact, Tag
from finscale.tracking.runs import Run
from finscale.tracking.store import ask, first_line, open_client


def log_weights(run: Run, path: Path) -> None:
    """Store a file of weights, and how large it is."""
    assert path.name == Artifact.WEIGHTS, path
    # The size first: a kill in between counts too much, and not too little.
    run.tag({Tag.WEIGHTS_BYTES: path.stat().st_size})
    run.file(path)


def remove_weights(run: Run, why: str) -> None:
    """Delete a run's weights, if they are there; nothing else of it changes.

    Parameters
    ----------
    why : str
        Kept as a tag, for whoever looks for them: "removed: beyond max_artifact_gib".

    Raises
    ------
    StoreError
        If the artifact store does not delete.
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
    # Afterwards: a kill in between leaves them counted, and they are removed once more.
    run.tag({Tag.WEIGHTS_BYTES: 0, Tag.WEIGHTS: why})
