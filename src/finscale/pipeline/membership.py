"""Which runs belong to a study: computed from its coordinates, not read from a tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finscale.config import (
    AnalyzeConfig,
    Study,
    StudyConfig,
    TrainConfig,
)
from finscale.pipeline.plan import search_identity
from finscale.pipeline.problem import ProblemData
from finscale.pipeline.train import targets_of, train_identity
from finscale.tracking import (
    Choice,
    Kind,
    Run,
    Status,
    completed_targets,
    finals,
    finals_of,
    find_choice,
    handle,
    search,
    where,
)


def study_cells(plan: Study, config: AnalyzeConfig | StudyConfig) -> tuple[TrainConfig, ...]:
    """Return the cells of a study as options of `train`."""
    device = config.device if isinstance(config, StudyConfig) else "auto"
    return plan.cells(config.data_root, device)


@dataclass(frozen=True)
class Finished:
    """A cell that is done: its search's identity, its `train` parent, what it has chosen."""

    search: str
    parent: Run
    tags: Mapping[str, str]
    choice: Choice


def find_finished(cell: TrainConfig, data: ProblemData) -> Finished | None:
    """Return what a cell has come to, or None while there is work to do."""
    identity = search_identity(cell, data)
    if not _is_searched(identity, cell.n_trials):
        return None
    for run in search(where(KIND=Kind.TRAIN, FINGERPRINT=train_identity(cell, data))):
        choice = find_choice(run, targets_of(cell))
        if choice and _holds_finals(cell, choice):
            return Finished(identity, handle(run), run.data.tags, choice)
    return None


def _is_searched(identity: str, n_trials: int) -> bool:
    """Tell whether the search has ended with as many trials as are asked for now."""
    found = search(where(KIND=Kind.HPO, FINGERPRINT=identity))
    targets = [completed_targets(run.data.tags).removeprefix("n_trials=") for run in found]
    return any(int(target or 0) >= n_trials for target in targets)


def _holds_finals(cell: TrainConfig, choice: Choice) -> bool:
    """Tell whether every seed of the chosen configuration is still in the store."""
    mine = finals_of(choice, finals(problem=cell.problem_name))
    ended = mine["is_chosen"] & mine["status"].isin([Status.OK, Status.DIVERGED])
    return int(ended.sum()) >= cell.n_seeds
