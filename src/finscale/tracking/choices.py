"""Choices of cells: the configurations that each cell has trained, and the one that it keeps.

An architecture within 25 % of two budgets has one fingerprint. Its finals are trained once, by the
first cell that needs them, and their runs carry that cell's name. The choices of every cell are
recorded on its `train` parent, so all results of a cell are read from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from mlflow.entities import Run as StoredRun

from finscale.tracking.names import Kind, Tag, choice_tag
from finscale.tracking.runs import Run, in_study, search, where

_NEWEST = "attributes.start_time DESC"


@dataclass(frozen=True)
class Targets:
    """Amounts that a `train` command requests. They may grow and are not part of an identity."""

    n_trials: int
    top_k: int
    n_seeds: int

    def __str__(self) -> str:
        return f"n_trials={self.n_trials} top_k={self.top_k} n_seeds={self.n_seeds}"


@dataclass(frozen=True)
class Choice:
    """The configuration that a cell keeps out of those that it has trained.

    Attributes
    ----------
    parent, fingerprint : str
        Run id and identity of the `train` parent.
    configuration : str
        Digest of the configuration that the cell keeps.
    tried : tuple of str
        Digests of all trained configurations; empty if an older version wrote the parent.
    seeds : tuple of int
        Seeds behind the mean; empty if they are not known.
    """

    parent: str
    fingerprint: str
    cell: str
    configuration: str
    tried: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    @property
    def budget(self) -> str:
        """The last part of the cell's name."""
        return self.cell.rpartition(".")[2]


def record_choice(parent: Run, targets: Targets, chosen: str, tried: Sequence[str]) -> None:
    """Record the choice of a command on its `train` parent, beside those of earlier commands."""
    others = [configuration for configuration in tried if configuration != chosen]
    parent.tag(
        {
            Tag.CONFIGURATION: chosen,
            choice_tag(str(targets)): " ".join([chosen, *others]),
            Tag.COMPLETED: targets,
        }
    )


def find_choice(parent: StoredRun, targets: Targets) -> Choice | None:
    """Return the choice of the command with these targets, or None if there is none yet."""
    tags = parent.data.tags
    recorded = tags.get(choice_tag(str(targets)))
    if recorded is None and completed_targets(tags) != str(targets):
        return None
    latest = _latest(parent)
    if latest is None:
        return None
    configurations = tuple(recorded.split()) if recorded else latest.tried
    chosen = configurations[0] if configurations else latest.configuration
    return replace(
        latest, configuration=chosen, tried=configurations, seeds=_seeds(parent, targets.n_seeds)
    )


def latest_choices(problem: str | None = None, cell: str | None = None) -> list[Choice]:
    """Return the choice of the last command of every `train` parent."""
    found = search(where(KIND=Kind.TRAIN, PROBLEM=problem, CELL=cell))
    return [choice for run in found if (choice := _latest(run))]


def choices_of_study(study: str) -> list[Choice]:
    """Return the choices of a study's cells, under the study's own targets if it has any."""
    commands = list(search(where(KIND=Kind.STUDY, STUDY=study), order_by=[_NEWEST]))
    targets = _read_targets(commands[0].data.tags.get(Tag.TARGETS, "")) if commands else None
    parents = search(f"{where(KIND=Kind.TRAIN)} AND {in_study(study)}")
    found = (find_choice(run, targets) if targets else _latest(run) for run in parents)
    return [choice for choice in found if choice]


def finals_of(choice: Choice, stored: pd.DataFrame) -> pd.DataFrame:
    """Return a cell's finals under the cell's own name and budget.

    Parameters
    ----------
    stored : DataFrame
        Finals of the problem.

    Returns
    -------
    DataFrame
        Adds ``is_chosen``, and the cell that trained each final as ``trained_by``.
    """
    if stored.empty or "configuration" not in stored:
        return stored.iloc[:0].assign(cell="", budget="", trained_by="", is_chosen=False)
    tried = stored["configuration"].isin(choice.tried or [choice.configuration])
    mine = tried if choice.tried else tried | (stored["parent"] == choice.parent)
    if choice.seeds and "seed" in stored:
        mine &= stored["seed"].isin(choice.seeds) | stored["seed"].isna()
    rows = stored[mine]
    return rows.assign(
        trained_by=rows["cell"],
        cell=choice.cell,
        budget=choice.budget,
        is_chosen=rows["configuration"] == choice.configuration,
    )


def _read_targets(text: str) -> Targets | None:
    parts = dict(part.split("=") for part in text.split())
    names = ("n_trials", "top_k", "n_seeds")
    return Targets(*(int(parts[name]) for name in names)) if len(parts) == len(names) else None


def _latest(parent: StoredRun) -> Choice | None:
    tags = parent.data.tags
    chosen = tags.get(Tag.CONFIGURATION)
    if not chosen:
        return None
    completed = completed_targets(tags)
    n_seeds = completed.rpartition("n_seeds=")[2]
    return Choice(
        parent=parent.info.run_id,
        fingerprint=tags.get(Tag.FINGERPRINT, ""),
        cell=tags[Tag.CELL],
        configuration=chosen,
        tried=tuple(tags.get(choice_tag(completed), "").split()),
        seeds=_seeds(parent, int(n_seeds)) if n_seeds else (),
    )


def completed_targets(tags: Mapping[str, str]) -> str:
    """Return the targets that a parent has completed, which may be fewer than the last request."""
    # Older versions did not record them. There, the end of the last command tells.
    last = tags.get(Tag.TARGETS, "") if tags.get(Tag.STATUS) == "ok" else ""
    return tags.get(Tag.COMPLETED, last)


def _seeds(parent: StoredRun, n_seeds: int) -> tuple[int, ...]:
    seed = parent.data.params.get("seed")
    return final_seeds(int(seed), n_seeds) if seed else ()


def final_seeds(seed: int, n_seeds: int) -> tuple[int, ...]:
    """Return the seeds of finals, which follow the search's own seed (used by the trials).

    >>> final_seeds(42, 3)
    (43, 44, 45)
    """
    return tuple(seed + 1 + k for k in range(n_seeds))
