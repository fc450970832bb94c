"""The run of a verb: resumed from `mlflow run` or made anew, found again by its identity."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow.entities import LifecycleStage
from mlflow.entities import Run as StoredRun
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from finscale.config import FinscaleError, StoreError, disk_watched, unbroken
from finscale.tracking.ends import End, end_of
from finscale.tracking.experiments import current_experiment_id
from finscale.tracking.lease import FREE, Lease, other_holder, read_lease
from finscale.tracking.names import Kind, Status, Tag
from finscale.tracking.runs import (
    Run,
    create_run,
    handle,
    search,
    stored_run,
    take_up,
    where,
)
from finscale.tracking.store import check_artifacts

VERBS = ("main", "data", "hpo", "train", "analyze", "study")
UNTAGGED_AFTER_S = 24 * 3600.0
PROJECT = Path(__file__).resolve().parents[3]

_log = logging.getLogger("finscale")
Turn = Callable[[], AbstractContextManager[None]]


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
    resume: str,
    identity: str | None = None,
    turn: Turn | None = None,
) -> Iterator[VerbRun]:
    """Open the run of a verb and close it with the state the verb ended in.

    Parameters
    ----------
    run_id : str or None
        The run that `mlflow run` made for this command.
    resume : str
        The line that goes on: what a note says that ends early, and the line of a full disk.
    identity : str or None
        Fingerprint under which the parent is found again; None makes a new run each time.
    turn : callable, optional
        Entered to open and to close, one process at a time: several may then be at work on one
        parent, and the last to leave closes it. Without it the parent is one process's alone.

    Raises
    ------
    StoreError
        If another living process is at work on a parent that is not shared, or the disk is full.
    """
    runs: VerbRun | None = None
    alone = turn is None
    turn = turn or nullcontext
    try:
        with turn(), unbroken():
            runs = _begin(kind, name, run_id, params, tags, identity, alone)
        with _measured(runs.own), disk_watched(resume):
            yield runs
    except BaseException as error:
        if runs:
            # It may be the store that is at fault: what came first is what is said.
            with suppress(StoreError), turn(), unbroken():
                _close(runs, end_of(error, resume))
        raise
    with turn(), unbroken():
        for run in _left(runs):
            run.end(Status.OK, "completed")


def mark_failed(run_id: str, error: FinscaleError) -> None:
    """Close the run that `mlflow run` made, with the user's mistake in its note.

    Nothing is done about a store that does not answer: the line has been printed.
    """
    with suppress(StoreError):
        stored = stored_run(run_id)
        if Tag.KIND not in stored.data.tags:  # a verb has closed its own, or it is another's
            run = take_up(stored)
            verb = stored.data.tags.get(Tag.ENTRY_POINT, "command")
            run.tag({Tag.KIND: Kind.INVOCATION.value, "mlflow.runName": f"{verb} not begun"})
            run.close(end_of(error))


def tell_invocation(run_id: str, kind: Kind, note: str) -> None:
    """Close the run that `mlflow run` made for a command that only says something."""
    stored = stored_run(run_id)
    if Tag.KIND in stored.data.tags:
        return  # one variable for several commands: the run is another one's
    run = take_up(stored)
    run.tag({Tag.KIND: Kind.INVOCATION.value, "mlflow.runName": f"{kind} dry run"})
    run.note(note)
    run.end(Status.OK, "completed")


def prepare_store(now: float) -> None:
    """Look whether the store takes what a verb will write; close what others left behind.

    Raises
    ------
    StoreError
        If it does not: before anything has begun.
    """
    check_artifacts(current_experiment_id())
    close_abandoned(now)


def close_abandoned(now: float) -> int:
    """Close runs whose process is gone; return how many.

    Ours when their lease has run out; those that `mlflow run` made for one of our verbs and that
    never reached our code (no conda, say) after a day. Others' runs are not touched.
    """
    closed = 0
    for run in search("attributes.status = 'RUNNING'"):
        tags = run.data.tags
        if Tag.KIND in tags:
            gone = _is_left(tags, now) and not _has_workers(run, now)
        else:
            gone = _is_ours(tags) and now - run.info.start_time / 1000 > UNTAGGED_AFTER_S
        if gone:
            handle(run).interrupt("killed")
            closed += 1
    return closed


def _begin(
    kind: Kind,
    name: str,
    run_id: str | None,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    identity: str | None,
    alone: bool,
) -> VerbRun:
    found = _find_parent(kind, identity) if identity else None
    holder = _holder(found) if found else None
    if alone and found and holder:
        raise _busy(found, holder)
    check_artifacts(found.experiment_id if found else current_experiment_id())
    own = _taken_up(run_id, kind, identity, found) if run_id else None
    if found is None or found == own:
        identified: dict[str, str] = {Tag.FINGERPRINT: identity} if identity else {}
        everything = {Tag.KIND: kind.value, "mlflow.runName": name, **identified, **tags}
        parent = own or create_run(kind, name)
        parent.tag(everything)
        runs = VerbRun(parent, parent, found is None)
    else:
        runs = VerbRun(found, _invocation(found, own, name), False)
        # A study tags what it is the first to make.
        found.tag({key: value for key, value in tags.items() if key != Tag.STUDY})
    if holder is None:
        runs.parent.reopen()
    runs.own.param(params)
    return runs


def _taken_up(run_id: str, kind: Kind, identity: str | None, found: Run | None) -> Run | None:
    """Take up the run that the environment names, unless it is another command's.

    A notebook or a scheduler may export one run for several commands.
    """
    stored = stored_run(run_id)
    tags = stored.data.tags
    is_same = tags.get(Tag.KIND) == kind and tags.get(Tag.FINGERPRINT) == identity is not None
    is_beneath = found is not None and tags.get(Tag.PARENT) == found.run_id
    is_said = tags.get(Tag.KIND) == Kind.INVOCATION  # a command that has made nothing of its own
    is_again = is_said and (is_beneath or Tag.PARENT not in tags)
    if Tag.KIND not in tags or is_same or is_again:
        return take_up(stored)
    _log.warning(
        "finscale: MLFLOW_RUN_ID names run %s, which is another command's (%s): it is left as it "
        "is, and this one makes a run of its own.",
        run_id,
        stored.info.run_name,
    )
    return None


@contextmanager
def _measured(run: Run) -> Iterator[None]:
    """Log the machine's load while the block runs."""
    monitor = SystemMetricsMonitor(run.run_id)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


# It logs what it cannot write, and a store that is away is said by the border.
logging.getLogger("mlflow.system_metrics").setLevel(logging.CRITICAL)


def _find_parent(kind: Kind, identity: str) -> Run | None:
    """Find the first run of an identity.

    Raises
    ------
    StoreError
        If it was deleted while runs beneath it were not: they would be lost to a new one.
    """
    same = where(KIND=kind, FINGERPRINT=identity)
    deleted: list[Run] = []
    for run in search(same, deleted=True, order_by=["attributes.start_time ASC"]):
        if run.info.lifecycle_stage == LifecycleStage.ACTIVE:
            return handle(run)
        deleted.append(handle(run))
    for parent in deleted:
        if n_beneath := sum(1 for _ in search(where(PARENT=parent.run_id))):
            raise _orphans(parent, n_beneath)
    return None


def _orphans(parent: Run, n_beneath: int) -> StoreError:
    return StoreError(
        f"run {parent.run_id}",
        expected="a run that is there, as those beneath it are",
        got=f"a deleted one, with {n_beneath} beneath it that are not",
        todo=f"Give `mlflow runs restore --run-id {parent.run_id}`, or delete them too.",
    )


def _holder(parent: Run) -> Lease | None:
    """Return another living process that is at work on a parent, or None."""
    now = time.time()
    beneath = where(PARENT=parent.run_id, KIND=Kind.INVOCATION)
    running = "attributes.status = 'RUNNING'"
    tags = [parent.tags(), *(run.data.tags for run in search(f"{beneath} AND {running}"))]
    return next((lease for each in tags if (lease := other_holder(each, now))), None)


def _busy(parent: Run, holder: Lease) -> StoreError:
    return StoreError(
        f"run {parent.run_id}",
        expected="no other process at work on it",
        got=f"process {holder.pid} on {holder.host}",
        todo="Wait for it or stop it, then give the same line again.",
    )


def _left(runs: VerbRun) -> Iterator[Run]:
    """Yield the runs to close, this command's own first; the parent only if nobody is left."""
    if runs.own != runs.parent:
        yield runs.own
    if _holder(runs.parent) is None:
        yield runs.parent
    elif runs.own == runs.parent:
        runs.parent.release()


def _invocation(parent: Run, own: Run | None, name: str) -> Run:
    own = own or create_run(Kind.INVOCATION, name, parent=parent)
    own.tag({Tag.KIND: Kind.INVOCATION.value, Tag.PARENT: parent.run_id, "mlflow.runName": name})
    own.note(f"The same command again: everything goes to [its first run]({parent.link}).")
    return own


def _close(runs: VerbRun, end: End) -> None:
    """Close the runs of this command, and children that were opened and have not begun."""
    for run in _left(runs):
        run.close(end if run == runs.own else replace(end, traceback=""))
    for run in _abandoned_children(runs.parent):
        run.interrupt("interrupted")


def _abandoned_children(parent: Run) -> set[Run]:
    """Return running children that no other process is at work on."""
    beneath = search(f"{where(PARENT=parent.run_id)} AND attributes.status = 'RUNNING'")
    now = time.time()
    return {handle(run) for run in beneath if other_holder(run.data.tags, now) is None}


def _is_left(tags: Mapping[str, str], now: float) -> bool:
    """Tell whether the process that held a run has left it, or has died."""
    lease = read_lease(tags.get(Tag.LEASE))
    return tags.get(Tag.LEASE) == FREE or (lease is not None and not lease.is_alive(now))


def _has_workers(run: StoredRun, now: float) -> bool:
    """Tell whether a process beneath a run still works on it."""
    beneath = search(f"{where(PARENT=run.info.run_id)} AND attributes.status = 'RUNNING'")
    return any(other_holder(child.data.tags, now) for child in beneath)


def _is_ours(tags: Mapping[str, str]) -> bool:
    """Tell whether `mlflow run` made a run for a verb of this project."""
    source = tags.get("mlflow.source.name", "")
    folder = source.removeprefix("file://").replace("#", "/")  # how MLflow writes a subfolder
    here = "finscale" in source or folder == str(PROJECT)  # a clone may have any name
    return here and tags.get(Tag.ENTRY_POINT) in VERBS
