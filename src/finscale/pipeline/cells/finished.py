"""Finished cells of a study, found by their identities and not by a tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finscale.config import (
    AnalyzeConfig,
    Study,
    StudyConfig,
    TrainConfig,
)
from finscale.pipeline.problem import ProblemData, search_identity, targets_of, train_identity
from finscale.tracking import (
    Choice,
    Kind,
    Run,
    Status,
    completed_targets,
    final_seeds,
    finals,
    finals_of,
    find_choice,
    handle,
    latest_choices,
    search,
    where,
)


def study_cells(study: Study, config: AnalyzeConfig | StudyConfig) -> tuple[TrainConfig, ...]:
    """Return the cells of a study as options of `train`."""
    if isinstance(config, StudyConfig):
        return study.cells(
            config.data_root,
            config.device,
            config.precision,
            config.compile,
            config.health,
            config.nproc,
        )
    return study.cells(config.data_root, "auto", config.precision)


@dataclass(frozen=True)
class Finished:
    """A finished cell: the identity of its search, its `train` run with tags, and its choice."""

    search: str
    parent: Run
    tags: Mapping[str, str]
    choice: Choice


def find_finished(cell: TrainConfig, data: ProblemData) -> Finished | None:
    """Return the results of a cell, or None while it has work left."""
    identity = search_identity(cell, data)
    if not _is_searched(identity, cell.n_trials):
        return None
    for run in search(where(KIND=Kind.TRAIN, FINGERPRINT=train_identity(cell, data))):
        choice = find_choice(run, targets_of(cell))
        if choice and _holds_finals(cell, choice):
            return Finished(identity, handle(run), run.data.tags, choice)
    return None


def n_finals_of(cell: TrainConfig, data: ProblemData) -> int:
    """Count the finals that a cell's own command has trained or taken over.

    Finals of another search of the same cell do not count.
    """
    found = search(where(KIND=Kind.TRAIN, FINGERPRINT=train_identity(cell, data)))
    parents = {run.info.run_id for run in found}
    choices = [one for one in latest_choices(cell=cell.cell_name) if one.parent in parents]
    tried = {configuration for one in choices for configuration in one.tried}
    stored = finals(problem=cell.problem_name)
    mine = stored["parent"].isin(parents) | stored["configuration"].isin(tried)
    ended = stored["status"].isin([Status.OK, Status.DIVERGED])
    asked = stored["seed"].isin(final_seeds(cell.seed, cell.n_seeds))
    return min(int((mine & ended & asked).sum()), cell.top_k * cell.n_seeds)


def _is_searched(identity: str, n_trials: int) -> bool:
    """Return True if the search has ended with at least `n_trials` trials."""
    found = search(where(KIND=Kind.HPO, FINGERPRINT=identity))
    targets = [completed_targets(run.data.tags).removeprefix("n_trials=") for run in found]
    return any(int(target or 0) >= n_trials for target in targets)


def _holds_finals(cell: TrainConfig, choice: Choice) -> bool:
    """Return True if every seed of the chosen configuration is still in the store."""
    mine = finals_of(choice, finals(problem=cell.problem_name))
    ended = mine["is_chosen"] & mine["status"].isin([Status.OK, Status.DIVERGED])
    return int(ended.sum()) >= cell.n_seeds
