"""Identities by which a search, a cell's finals and a study are found again."""

from __future__ import annotations

from finscale.config import SearchConfig, Study, TrainConfig
from finscale.pipeline.problem.data import ProblemData
from finscale.pipeline.problem.recipe import precision_of
from finscale.tracking import Kind, Targets, fingerprint


def search_identity(config: SearchConfig, data: ProblemData) -> str:
    """Return the identity of a search, a digest of all options that change its result.

    Options added in later versions are left out at their defaults, so old searches keep their
    identity.
    """
    precision = precision_of(config)
    return fingerprint(
        Kind.HPO,
        **data.identity(),
        budget=config.budget,
        space=config.space.values(),
        pins=config.pins or None,
        epochs=config.epochs,
        max_steps=config.max_steps or None,
        precision=None if precision == "float32" else precision,
        seed=config.seed,
        sampler=None if config.sampler == "tpe" else config.sampler,
        pruner=None if config.pruner == "median" else config.pruner,
        objectives=None if config.objectives == "val_loss" else config.objectives,
    )


def train_identity(config: TrainConfig, data: ProblemData) -> str:
    """Return the identity of a cell's finals, a digest of their search's identity.

    The numbers of configurations and seeds may grow and are not part of it.
    """
    return finals_identity(search_identity(config, data))


def finals_identity(search: str) -> str:
    """Return the identity of the finals that come from a search with this identity."""
    return fingerprint(Kind.TRAIN, search=search)


def targets_of(config: TrainConfig) -> Targets:
    """Return the requested numbers of trials, configurations and seeds."""
    return Targets(config.n_trials, config.top_k, config.n_seeds)


def study_identity(study: Study) -> str:
    """Return the identity of a study. Numbers of trials and finals may grow and are left out."""
    apart = {"question", "n_trials", "top_k", "n_seeds"}
    values = {name: value for name, value in study.values().items() if name not in apart}
    if study.split != "walk-forward":
        for universe in values["universes"] if "universes" in values else [values["universe"]]:
            del universe["evaluation_start"]  # no other split uses it
    return fingerprint(Kind.STUDY, **values)
