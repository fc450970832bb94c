"""Check that artifacts can be written and read where an experiment stores them.

It runs before anything is trained. MLflow stores absolute addresses, so after a folder is moved no
run finds its files, and the next artifact would silently create the old folder again.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlparse

from mlflow.entities import Experiment
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from finscale.config import StoreError, without_passwords
from finscale.tracking.store.address import store_address
from finscale.tracking.store.client import open_client
from finscale.tracking.store.faults import first_line
from finscale.tracking.store.retry import ask

_PROBE = b"finscale looks whether artifacts can be written and read\n"
_SAMPLE = 50
_WITHOUT = ("invocation", "study", "train", "hpo")
"""Kinds of run that may have no files and therefore no folder."""
_FINISHED = "tags.`finscale.status` = 'ok'" + "".join(
    f" AND tags.`finscale.kind` != '{kind}'" for kind in _WITHOUT
)
_seen: set[tuple[str, str]] = set()


def check_artifacts(experiment_id: str) -> None:
    """Write and read a file where an experiment stores its artifacts, once per process.

    Raises
    ------
    StoreError
        If this fails, or the folder with the artifacts of finished runs is gone.
    """
    key = store_address(), experiment_id
    if key in _seen:
        return
    experiment = open_client().get_experiment(experiment_id)
    folder = local_path(experiment.artifact_location)
    if folder is None:
        _probe(experiment.artifact_location)
    elif not folder.exists() and (missing := missing_folders(experiment)):
        raise moved(experiment, missing)
    else:
        check_folder(folder)
    _seen.add(key)


def local_path(address: str) -> Path | None:
    """Return the folder of an artifact address, or None if it is not on this machine."""
    parts = urlparse(address)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        return None
    return Path(unquote(parts.path) if parts.scheme else address)


def missing_folders(experiment: Experiment) -> list[Path]:
    """Return the missing artifact folders among a sample of an experiment's finished runs."""
    runs = open_client().search_runs([experiment.experiment_id], _FINISHED, max_results=_SAMPLE)
    folders = [local_path(run.info.artifact_uri) for run in runs]
    return [folder for folder in folders if folder and not folder.exists()]


def moved(experiment: Experiment, missing: list[Path]) -> StoreError:
    """Return the error for artifacts that are not at the address in the store."""
    folder = local_path(experiment.artifact_location)
    assert folder is not None
    old, new = folder.parent, _found_nearby(folder)
    gone = "delete those runs" if folder.exists() else f"mkdir -p {folder}"
    return StoreError(
        f"artifacts of experiment {experiment.name}",
        expected=f"the folder {folder} with the artifacts of finished runs",
        got=f"none at {missing[0]}",
        todo="If it was moved, move it back, or rewrite the addresses: "
        f"python -m entrypoints.relocate --old={old} --new={new or 'WHERE-IT-IS-NOW'} "
        f"--dry_run=true. If it was removed for good: {gone}.",
    )


def check_folder(folder: Path) -> None:
    """Check that a folder, or its nearest existing parent, is writable. No folder is created.

    Raises
    ------
    StoreError
        If it is not writable.
    """
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        if not os.access(nearest, os.X_OK):
            raise PermissionError(f"no permission to enter {nearest}")
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        raise StoreError(
            "artifact store",
            expected=f"a folder that can be written: {folder}",
            got=first_line(error),
            todo="Permit writing there or free some room; or keep them elsewhere: `mlflow "
            "experiments create -n mine --artifact-location /tmp/me/mlruns`, say, then "
            "MLFLOW_EXPERIMENT_NAME=mine.",
        ) from None


def _probe(location: str) -> None:
    """Write, read and remove a file in a remote artifact store."""
    try:
        ask(lambda: _write_and_read(location))
    except StoreError as error:
        raise StoreError(
            f"artifact store {without_passwords(location)}",
            expected="one that accepts a file and returns it",
            got=error.line,
            todo="Nothing has been trained yet.",
        ) from error


def _write_and_read(location: str) -> None:
    name = f"finscale-check-{secrets.token_hex(4)}.txt"
    repository = get_artifact_repository(location)
    with TemporaryDirectory() as folder:
        given, taken = Path(folder) / name, Path(folder) / "back"
        given.write_bytes(_PROBE)
        taken.mkdir()
        repository.log_artifact(str(given))
        back = Path(repository.download_artifacts(name, str(taken)))
        assert back.read_bytes() == _PROBE, "the artifact store gives back another file"
    with suppress(Exception):  # not every store permits deletion, and it is not required
        repository.delete_artifacts(name)


def _found_nearby(folder: Path) -> Path | None:
    """Return where a moved root folder is likely now: beside the database or in the work folder."""
    roots = (Path.cwd(), Path(urlparse(store_address()).path).parent)
    places = [root / folder.parent.name for root in roots]
    others = [place for place in places if place != folder.parent]
    return next((place for place in others if (place / folder.name).is_dir()), None)


def faults_of_artifacts() -> list[StoreError]:
    """Return an error for each experiment in which finished runs have lost their artifacts."""
    experiments = open_client().search_experiments()
    looked_at = ((one, missing_folders(one)) for one in experiments)
    return [moved(experiment, missing) for experiment, missing in looked_at if missing]
