"""By what a search, a cell's finals and a study are found again."""

from __future__ import annotations

from finscale.config import SearchConfig, Study, TrainConfig
from finscale.pipeline.problem.data import ProblemData
from finscale.tracking import Kind, Targets, fingerprint


def search_identity(config: SearchConfig, data: ProblemData) -> str:
    """Digest what makes a search this one: other choices make another search.

    Options that came later are left out at their defaults: old searches keep their identity.
    """
    return fingerprint(
        Kind.HPO,
        **data.identity(),
        budget=config.budget,
        space=config.space.values(),
        pins=config.pins or None,
        epochs=config.epochs,
        seed=config.seed,
        sampler=None if config.sampler == "tpe" else config.sampler,
        pruner=None if config.pruner == "median" else config.pruner,
        objectives=None if config.objectives == "val_loss" else config.objectives,
    )


def train_identity(config: TrainConfig, data: ProblemData) -> str:
    """Digest what makes a cell's finals these: the search they come from.

    How many configurations and seeds may grow, and is no part of it.
    """
    return finals_identity(search_identity(config, data))


def finals_identity(search: str) -> str:
    """Digest the identity of a search into that of the finals which come from it."""
    return fingerprint(Kind.TRAIN, search=search)


def targets_of(config: TrainConfig) -> Targets:
    """Return how much is asked for."""
    return Targets(config.n_trials, config.top_k, config.n_seeds)


def study_identity(study: Study) -> str:
    """Digest what makes a study this one: how much is asked of each cell may grow."""
    apart = {"question", "n_trials", "top_k", "n_seeds"}
    values = {name: value for name, value in study.values().items() if name not in apart}
    if study.split != "walk-forward":
        for universe in values["universes"] if "universes" in values else [values["universe"]]:
            del universe["evaluation_start"]  # no other split looks at it
    return fingerprint(Kind.STUDY, **values)
