"""Writing of runs: a handle that logs to one run, and functions to create and find runs."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlparse

from mlflow.entities import LifecycleStage, Metric, Param, RunTag, ViewType
from mlflow.entities import Run as StoredRun

from finscale.config import ConfigError, StoreError, quoted, unbroken
from finscale.tracking.ends import End, unfinished, with_end, without_end
from finscale.tracking.experiments import current_experiment_id
from finscale.tracking.lease import FREE, read_lease, take_lease
from finscale.tracking.names import FIGURES, IN_STUDY, Artifact, Kind, Status, Tag, study_tag
from finscale.tracking.provenance import provenance
from finscale.tracking.store import GoneError, first_line, open_client

_MLFLOW_STATUS: dict[Status | None, str] = {
    None: "KILLED",
    Status.OK: "FINISHED",
    Status.PRUNED: "KILLED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.REFUSED: "FAILED",
}
_PAGE = 1000


class LeaseLostError(StoreError):
    """Another process has taken over the run, which is left to it unchanged."""


@dataclass(frozen=True)
class Run:
    """A handle for writing to one MLflow run."""

    run_id: str
    experiment_id: str

    @property
    def link(self) -> str:
        """Address of the run within the MLflow UI, for Markdown notes."""
        return f"#/experiments/{self.experiment_id}/runs/{self.run_id}"

    def tag(self, tags: Mapping[str, Any]) -> None:
        """Set tags. Values are converted to text."""
        entities = [RunTag(str(key), as_text(value)) for key, value in tags.items()]
        open_client().log_batch(self.run_id, tags=entities)

    def param(self, params: Mapping[str, Any]) -> None:
        """Log params that the run does not have yet, because logged params are immutable."""
        there = open_client().get_run(self.run_id).data.params
        entities = [Param(k, as_text(v)) for k, v in params.items() if k not in there]
        open_client().log_batch(self.run_id, params=entities)

    def metric(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics in one call. Values that are not finite are left out."""
        now = int(time.time() * 1000)
        entities = [
            Metric(key, float(value), now, step)
            for key, value in metrics.items()
            if math.isfinite(value)  # MLflow would turn inf into 1.8e308, silently
        ]
        open_client().log_batch(self.run_id, metrics=entities)

    def metric_once(self, metrics: Mapping[str, float]) -> None:
        """Log metrics that the run does not have yet."""
        there = open_client().get_run(self.run_id).data.metrics
        self.metric({key: value for key, value in metrics.items() if key not in there})

    def epochs(self, curves: Mapping[int, Mapping[str, float]]) -> None:
        """Log the curves of epochs, by step, in one call. This process must hold the run."""
        self.check_held()
        now = int(time.time() * 1000)
        metrics = [
            Metric(key, value, now, step)
            for step, values in curves.items()
            for key, value in values.items()
            if math.isfinite(value)
        ]
        open_client().log_batch(self.run_id, metrics=metrics)

    def renew_lease(self) -> None:
        """Record that this process still works on the run."""
        self.tag({Tag.LEASE: take_lease().encode()})

    def check_held(self) -> None:
        """Check that this process still holds the run.

        Raises
        ------
        LeaseLostError
            If another process has taken over the run because this one seemed dead.
        """
        lease = read_lease(self.tags().get(Tag.LEASE))
        if lease is None or not lease.is_mine():
            raise LeaseLostError(
                f"run {self.run_id}",
                expected="this process to hold it while it trains",
                got=f"process {lease.pid} on {lease.host} as its holder" if lease else "no holder",
                todo="The other process continues it. Give the same line again to join.",
            )

    def release(self) -> None:
        """Release the run, unchanged, to other processes that work on it."""
        self.tag({Tag.LEASE: FREE})

    def is_open(self) -> bool:
        """Return True if the run is in the store and has no result yet."""
        stored = open_client().get_run(self.run_id)
        is_there = stored.info.lifecycle_stage == LifecycleStage.ACTIVE
        return is_there and Tag.STATUS not in stored.data.tags

    def tags(self) -> dict[str, str]:
        """Return the run's current tags from the store."""
        return dict(open_client().get_run(self.run_id).data.tags)

    def untag(self, key: str) -> None:
        """Remove a tag from the run."""
        open_client().delete_tag(self.run_id, key)

    def note(self, markdown: str) -> None:
        """Set the description that the UI shows."""
        self.tag({Tag.NOTE: markdown})

    def file(self, path: Path, folder: str | None = None) -> None:
        """Store a file as an artifact under its own name."""
        open_client().log_artifact(self.run_id, str(path), folder)

    def text(self, name: str, content: str) -> None:
        """Store text as an artifact."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(content, encoding="utf-8")
            self.file(path)

    def picture(self, name: str, png: bytes) -> None:
        """Store a PNG picture in the run's folder of figures."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.png"
            path.write_bytes(png)
            self.file(path, FIGURES)

    def json(self, name: str, content: Any) -> None:
        """Store JSON as an artifact."""
        self.text(name, json.dumps(content, indent=1, sort_keys=True))

    def artifact_path(self, artifact: str) -> Path | None:
        """Return the path of an artifact on this machine, or None if it is stored elsewhere."""
        uri = open_client().get_run(self.run_id).info.artifact_uri
        path = Path(urlparse(uri).path) / artifact
        return path if path.exists() else None

    def reopen(self) -> None:
        """Set the run to running again, held by this process, and remove how it ended before."""
        client = open_client()
        client.update_run(self.run_id, status="RUNNING")
        tags = self.tags()
        if Tag.STATUS in tags:
            client.delete_tag(self.run_id, Tag.STATUS.value)
        self.renew_lease()
        note = tags.get(Tag.NOTE, "")
        if (before := without_end(note)) != note:
            self.note(before)

    def end(self, status: Status, reason: str) -> None:
        """Close the run with a result."""
        self.close(End(status, reason))

    def interrupt(self, reason: str) -> None:
        """Close the run without a result. The same command continues it."""
        self.close(unfinished(reason))

    def close(self, end: End) -> None:
        """Close the run. All ways to end a run come here.

        A run that already has its result keeps it.
        """
        with unbroken():
            there = {} if end.status and not end.note else self.tags()
            had = there.get(Tag.STATUS)
            status = end.status or (Status(had) if had else None)
            # Tags are written first, so that a kill in between leaves the result readable.
            self.tag({Tag.LEASE: FREE, **({} if had and not end.status else _tags_of(end, there))})
            open_client().set_terminated(self.run_id, _MLFLOW_STATUS[status])
        if end.traceback:
            with suppress(StoreError, OSError):  # the artifact store may be what failed
                self.text(Artifact.TRACEBACK.value, end.traceback)


def create_run(
    kind: Kind, name: str, *, parent: Run | None = None, tags: Mapping[str, Any] | None = None
) -> Run:
    """Create a run under `parent` and in its experiment, or in the current experiment."""
    experiment_id = parent.experiment_id if parent else current_experiment_id()
    nesting: dict[str, str] = {Tag.PARENT: parent.run_id} if parent else {}
    everything = {
        **provenance(),
        Tag.KIND: kind.value,
        Tag.LEASE: take_lease().encode(),
        **nesting,
        **(tags or {}),
    }
    values = {str(key): as_text(value) for key, value in everything.items()}
    run = open_client().create_run(experiment_id, tags=values, run_name=name)
    return Run(run.info.run_id, experiment_id)


def stored_run(run_id: str) -> StoredRun:
    """Return the run that `mlflow run` has created.

    Raises
    ------
    StoreError
        If the store does not contain it.
    """
    try:
        return open_client().get_run(run_id)
    except GoneError:
        raise StoreError(
            "MLFLOW_RUN_ID",
            expected="a run of the tracking store",
            got=repr(run_id),
            todo="Unset the variable, or set MLFLOW_TRACKING_URI to the store it belongs to.",
        ) from None


def take_up(stored: StoredRun) -> Run:
    """Return the handle of an existing run, which this process now holds."""
    run = handle(stored)
    run.tag({**provenance(), Tag.LEASE: take_lease().encode()})
    return run


def search(
    filter_string: str, *, deleted: bool = False, order_by: list[str] | None = None
) -> Iterator[StoredRun]:
    """Yield matching runs of all experiments; `deleted` includes deleted ones."""
    client = open_client()
    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    experiments = [e.experiment_id for e in client.search_experiments(view_type=view)]
    token: str | None = None
    while True:
        page = client.search_runs(
            experiments, filter_string, view, _PAGE, order_by, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def where(**tags: str | None) -> str:
    """Return a filter on tags, given by their names in `Tag`; None leaves a tag out.

    >>> where(KIND="trial", CELL=None)
    "tags.`finscale.kind` = 'trial'"

    Raises
    ------
    ConfigError
        If a value contains quotation marks.
    """
    given = {name: value for name, value in tags.items() if value is not None}
    return " AND ".join(
        f"tags.`{Tag[name].value}` = '{_checked(name, value)}'" for name, value in given.items()
    )


def in_study(name: str) -> str:
    """Return a filter on the runs of a study, including those that another study created.

    >>> in_study("demo")
    "tags.`finscale.study.demo` = 'true'"
    """
    return f"tags.`{study_tag(_checked('study', name))}` = '{IN_STUDY}'"


def _checked(what: str, value: str) -> str:
    """Return the value, or refuse it if its quotation marks would break the filter."""
    if any(mark in value for mark in "'\"`"):
        raise ConfigError(
            what.lower(),
            expected="a name without quotation marks",
            got=quoted(value),
            todo="Correct the name: no run has such a name.",
        )
    return value


def handle(run: StoredRun) -> Run:
    """Return the handle of a run that a query has found."""
    return Run(run.info.run_id, run.info.experiment_id)


@contextmanager
def downloaded(run_id: str, artifact: str) -> Iterator[Path]:
    """Download an artifact to a temporary folder for the duration of the block.

    Raises
    ------
    StoreError
        If the artifact does not exist.
    """
    # A progress bar per file would clutter a notebook. A user's own setting has priority.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with TemporaryDirectory() as folder:
        try:
            path = open_client().download_artifacts(run_id, artifact, folder)
        except GoneError as error:
            raise StoreError(
                f"run {run_id}",
                expected=f"the artifact {artifact}",
                got=first_line(error),
                todo="Delete the run, then start the command that made it again.",
            ) from None
        yield Path(path)


def read_text(run_id: str, artifact: str) -> str:
    """Return a text artifact."""
    with downloaded(run_id, artifact) as path:
        return path.read_text(encoding="utf-8")


def _tags_of(end: End, there: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe the end of a run. The rest of its note is kept."""
    tags: dict[str, str] = {Tag.REASON: end.reason}
    if end.status:
        tags[Tag.STATUS] = end.status.value
    if end.note:
        tags[Tag.NOTE] = with_end(there.get(Tag.NOTE, ""), end.note)
    return tags


def as_text(value: Any) -> str:
    """Return a value as the text that a run stores."""
    return repr(value) if isinstance(value, float) else str(value)
