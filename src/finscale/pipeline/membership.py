"""Which runs belong to a study: computed from its coordinates, not read from a tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finscale.config import (
    AnalyzeConfig,
    RefusedError,
    StoreError,
    Study,
    StudyConfig,
    TrainConfig,
    spell,
)
from finscale.pipeline.plan import search_identity
from finscale.pipeline.problem import load_problem
from finscale.pipeline.progress import Line, Listen
from finscale.pipeline.train import train_identity, train_targets
from finscale.tracking import Kind, Run, Status, Tag, finals, handle, search, where


def study_cells(plan: Study, config: AnalyzeConfig | StudyConfig) -> tuple[TrainConfig, ...]:
    """Return the cells of a study as options of `train`."""
    device = config.device if isinstance(config, StudyConfig) else "auto"
    return plan.cells(config.data_root, device)


def finished_train(cell: TrainConfig, listen: Listen) -> Run | None:
    """Return the cell's finished `train` parent, or None while there is work to do.

    Raises
    ------
    RefusedError
        If the cell lies below a floor.
    """
    data = load_problem(cell, cell.floors, listen)
    if not _is_searched(search_identity(cell, data), cell.n_trials):
        return None
    identity = train_identity(cell, data)
    for run in search(where(KIND=Kind.TRAIN, FINGERPRINT=identity)):
        tags = run.data.tags
        if _completed(tags) == train_targets(cell) and _holds_finals(cell, tags):
            return handle(run)
    return None


def _is_searched(identity: str, n_trials: int) -> bool:
    """Tell whether the search has ended with as many trials as are asked for now."""
    found = search(where(KIND=Kind.HPO, FINGERPRINT=identity))
    targets = [_completed(run.data.tags).removeprefix("n_trials=") for run in found]
    return any(int(target or 0) >= n_trials for target in targets)


def _completed(tags: Mapping[str, str]) -> str:
    """Return what a parent has completed: a later command may have asked for more, in vain."""
    # Runs of before it was kept: how the last command ended is all that is known.
    last = tags.get(Tag.TARGETS, "") if tags.get(Tag.STATUS) == Status.OK else ""
    return tags.get(Tag.COMPLETED, last)


def _holds_finals(cell: TrainConfig, tags: Mapping[str, str]) -> bool:
    """Tell whether every seed of the chosen configuration is still in the store."""
    stored = finals(problem=cell.problem_name)
    if stored.empty:
        return False
    mine = stored[stored["configuration"] == tags.get(Tag.CONFIGURATION)]
    return int(mine["status"].isin([Status.OK, Status.DIVERGED]).sum()) >= cell.n_seeds


@dataclass(frozen=True)
class Members:
    """What of a study is in the store.

    Attributes
    ----------
    parents : mapping of str to list of str
        For each problem, the run ids of its cells' `train` parents.
    missing : tuple of str
        Cells that are not finished.
    """

    parents: Mapping[str, list[str]]
    missing: tuple[str, ...]


def study_parents(
    plan: Study,
    config: AnalyzeConfig | StudyConfig,
    listen: Listen,
    *,
    allow_partial: bool = False,
) -> Members:
    """Find the cells of a study; those below a floor are no part of the answer.

    Raises
    ------
    StoreError
        If cells are not finished, and partial answers are not allowed: a test is opened for a
        whole study or not at all. If none is finished.
    """
    parents: dict[str, list[str]] = {}
    missing: list[str] = []
    for cell in study_cells(plan, config):
        try:
            run = finished_train(cell, listen)
        except RefusedError as refusal:
            listen(Line(f"{cell.cell_name} is refused: {refusal.line}"))
            continue
        if run:
            parents.setdefault(cell.problem_name, []).append(run.run_id)
        else:
            missing.append(cell.cell_name)
    if not parents or (missing and not allow_partial):
        or_partial = ", or look at what there is with allow_partial=true" if parents else ""
        line = spell("study", StudyConfig(study=plan, data_root=config.data_root))
        raise StoreError(
            f"study {plan.name}",
            expected="finals of every cell before its test is opened",
            got=f"none for {', '.join(missing) or 'any cell: all were refused'}",
            todo=f"Finish it first: {line}{or_partial}",
        )
    return Members(parents, tuple(missing))
