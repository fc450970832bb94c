"""Optuna's samplers and pruners, by their names in the options."""

from __future__ import annotations

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from finscale.config import Sampler
from finscale.search.methods import Methods

STATEFUL_PRUNERS = ("hyperband",)
"""Pruners that store their state in the trial: they need the trial of the shared study."""

# Silence Optuna's log: many studies are made in memory, and we report failures of a database.
optuna.logging.set_verbosity(optuna.logging.ERROR)


def make_sampler(name: Sampler, seed: int, own_seed: int) -> BaseSampler:
    """Return one of Optuna's samplers for one proposal.

    Parameters
    ----------
    seed, own_seed : int
        Seed of the search, for the parts that all its proposals share, and seed of this proposal.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "tpe":
                # Running trials count as poor, so that workers do not try the same region.
                return TPESampler(seed=own_seed, multivariate=True, group=True, constant_liar=True)
            case "gp":
                return GPSampler(seed=own_seed, warn_independent_sampling=False)
            case "qmc":
                return QMCSampler(
                    scramble=True,
                    seed=seed,
                    independent_sampler=RandomSampler(seed=own_seed),  # for unordered categories
                    warn_independent_sampling=False,
                    warn_asynchronous_seeding=False,
                )
            case "cmaes":
                return CmaEsSampler(seed=own_seed, warn_independent_sampling=False)
            case "random":
                return RandomSampler(seed=own_seed)


def make_pruner(methods: Methods) -> BasePruner:
    """Return one of Optuna's pruners, which compares trials at the same epoch."""
    if methods.n_objectives > 1:
        return NopPruner()
    match methods.pruner:
        case "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=0)
        case "hyperband":
            return HyperbandPruner(min_resource=1, max_resource=methods.epochs, reduction_factor=3)
        case "none":
            return NopPruner()
