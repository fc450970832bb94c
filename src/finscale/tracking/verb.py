"""The run of a verb: resumed from `mlflow run` or made anew, found again by its identity."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from finscale.config import FinscaleError, RefusedError, StoreError
from finscale.tracking.client import unbroken
from finscale.tracking.lease import read_lease
from finscale.tracking.names import Kind, Status, Tag
from finscale.tracking.runs import Run, create_run, handle, resume_run, search, where

VERBS = ("main", "data", "hpo", "train", "analyze", "study")
UNTAGGED_AFTER_S = 24 * 3600.0
PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class VerbRun:
    """Where a verb writes.

    Attributes
    ----------
    parent : Run
        Keeps the search, the finals or the study for ever; new children go beneath it.
    own : Run
        The run of this very command: the parent itself the first time, else an `invocation`.
    is_new : bool
        Whether the parent was made by this command.
    """

    parent: Run
    own: Run
    is_new: bool


@contextmanager
def verb_run(
    kind: Kind,
    name: str,
    *,
    run_id: str | None,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    identity: str | None = None,
) -> Iterator[VerbRun]:
    """Open the run of a verb and close it with the state the verb ended in.

    Parameters
    ----------
    run_id : str or None
        The run that `mlflow run` made for this command.
    identity : str or None
        Fingerprint under which the parent is found again; None makes a new run each time.

    Raises
    ------
    StoreError
        If another living process is at work on the same parent.
    """
    opened: VerbRun | None = None
    try:
        with unbroken():
            opened = _open(kind, name, run_id, params, tags, identity)
        with _measured(opened.own):
            yield opened
    except BaseException as error:
        if opened:
            with unbroken():
                _close(opened, error)
        raise
    with unbroken():
        for run in dict.fromkeys((opened.own, opened.parent)):
            run.end(Status.OK, "completed")


def mark_failed(run_id: str, error: FinscaleError) -> None:
    """Close the run that `mlflow run` made, with the user's mistake in its note.

    Nothing is done about a store that does not answer: the line has been printed.
    """
    try:
        run = resume_run(run_id)
        run.note(error.line)
        run.end(*_end_of(error))
    except (MlflowException, StoreError):
        return


def close_abandoned(now: float) -> int:
    """Close runs whose process is gone; return how many.

    Ours when their lease has run out; those that `mlflow run` made for one of our verbs and that
    never reached our code (no conda, say) after a day. Others' runs are not touched.
    """
    closed = 0
    for run in search("attributes.status = 'RUNNING'"):
        tags = run.data.tags
        lease = read_lease(tags.get(Tag.LEASE))
        if Tag.KIND in tags:
            gone = lease is not None and not lease.is_alive(now)
        else:
            gone = _is_ours(tags) and now - run.info.start_time / 1000 > UNTAGGED_AFTER_S
        if gone:
            handle(run).interrupt("killed")
            closed += 1
    return closed


def _open(
    kind: Kind,
    name: str,
    run_id: str | None,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    identity: str | None,
) -> VerbRun:
    found = _find_parent(kind, identity) if identity else None
    own = resume_run(run_id) if run_id else None
    if found is None or found == own:
        identified: dict[str, str] = {Tag.FINGERPRINT: identity} if identity else {}
        everything = {Tag.KIND: kind.value, "mlflow.runName": name, **identified, **tags}
        parent = own or create_run(kind, name)
        parent.tag(everything)
        opened = VerbRun(parent, parent, found is None)
    else:
        opened = VerbRun(found, _invocation(found, own, name), False)
        # A study tags what it is the first to make.
        found.tag({key: value for key, value in tags.items() if key != Tag.STUDY})
    opened.parent.reopen()
    opened.own.param(params)
    return opened


@contextmanager
def _measured(run: Run) -> Iterator[None]:
    """Log the machine's load while the block runs."""
    monitor = SystemMetricsMonitor(run.run_id)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def _find_parent(kind: Kind, identity: str) -> Run | None:
    found = list(
        search(where(KIND=kind, FINGERPRINT=identity), order_by=["attributes.start_time ASC"])
    )
    if not found:
        return None
    first = found[0]
    lease = read_lease(first.data.tags.get(Tag.LEASE))
    busy = first.info.status == "RUNNING" and lease is not None and not lease.is_mine()
    if busy and lease is not None and lease.is_alive(time.time()):
        raise StoreError(
            f"run {first.info.run_id}",
            expected="no other process at work on it",
            got=f"process {lease.pid} on {lease.host}",
            todo="Wait for it or stop it, then give the same line again.",
        )
    return handle(first)


def _invocation(parent: Run, own: Run | None, name: str) -> Run:
    own = own or create_run(Kind.INVOCATION, name, parent=parent)
    own.tag({Tag.KIND: Kind.INVOCATION.value, Tag.PARENT: parent.run_id, "mlflow.runName": name})
    own.note(f"The same command again: everything goes to [its first run]({parent.link}).")
    return own


def _close(opened: VerbRun, error: BaseException) -> None:
    runs = dict.fromkeys((opened.own, opened.parent))
    if isinstance(error, KeyboardInterrupt):
        beneath = f"{where(PARENT=opened.parent.run_id)} AND attributes.status = 'RUNNING'"
        children = {handle(run) for run in search(beneath)}  # stopped before they had begun
        for run in {*runs, *children}:
            run.interrupt("interrupted")
    elif isinstance(error, FinscaleError):
        opened.own.note(error.line)
        for run in runs:
            run.end(*_end_of(error))
    else:
        opened.own.fail("error", "".join(traceback.format_exception(error)))
        opened.parent.end(Status.FAILED, "error")


def _end_of(error: FinscaleError) -> tuple[Status, str]:
    if isinstance(error, RefusedError):
        return Status.REFUSED, "floor"
    return Status.FAILED, "user_error"


def _is_ours(tags: Mapping[str, str]) -> bool:
    """Tell whether `mlflow run` made a run for a verb of this project."""
    source = tags.get("mlflow.source.name", "")
    folder = source.removeprefix("file://").replace("#", "/")  # how MLflow writes a subfolder
    here = "finscale" in source or folder == str(PROJECT)  # a clone may have any name
    return here and tags.get(Tag.ENTRY_POINT) in VERBS
