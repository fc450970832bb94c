"""Options of the verbs: the names for ``-P name=value``, with defaults and meanings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, model_validator

from finscale.config.bounds import (
    BatchSize,
    Chosen,
    Decay,
    Depth,
    Devices,
    Dropout,
    Epochs,
    FeedForward,
    Gibibytes,
    Heads,
    LearningRate,
    MostSteps,
    Seed,
    Seeds,
    Side,
    Timeout,
    Trials,
    WarmUp,
    Width,
)
from finscale.config.budget import format_budget, parse_budget
from finscale.config.command_line import SEARCHED
from finscale.config.data_root import DataRoot
from finscale.config.engine import COMPILE, NPROC, AskedCompile, check_nproc
from finscale.config.errors import ConfigError, quoted
from finscale.config.files import Frozen, option
from finscale.config.floors import Floors, load_floors
from finscale.config.health import Health, load_health
from finscale.config.hyperparameters import ARCHITECTURE_AXES, TRAINING_AXES
from finscale.config.precision import PRECISION, AskedPrecision
from finscale.config.problem import Problem
from finscale.config.space import Space, load_space
from finscale.config.words import named

COUNTED = ("ok", "pruned", "diverged")
"""Statuses of trials that count towards `n_trials`, and of results that are not computed again."""


def _free_if_searched(value: object) -> object:
    return None if value == SEARCHED else value


_Free = BeforeValidator(_free_if_searched)
Pinned = TypeVar("Pinned")
Pin = Annotated[Pinned | None, _Free]
ChosenFloors = Annotated[Floors, BeforeValidator(load_floors)]
ChosenHealth = Annotated[Health, BeforeValidator(load_health)]

Sampler = Literal["tpe", "gp", "qmc", "random", "cmaes"]
Pruner = Literal["median", "hyperband", "none"]
Objectives = Literal["val_loss", "val_loss+train_flops"]
Artifacts = Literal["best", "all", "none"]


def _storage(address: str) -> str:
    """Check how an address begins; whether the database answers is checked when it is opened."""
    known = ("sqlite:////", "postgresql://", "postgresql+psycopg2://", "postgresql+psycopg://")
    if address == "auto" or address.startswith(known):
        return address
    raise ConfigError(
        "storage",
        expected="auto, sqlite:////an/absolute/path or postgresql+psycopg2://user@host/database",
        got=quoted(address),
        todo="Optuna's database is a cache of its own, never MLflow's.",
    )


def _pin(what: str) -> Any:
    return option(SEARCHED, f"{what}; 'search' lets the search choose it")


class SearchConfig(Problem):
    """A search: a problem, a budget of parameters, and a space to search."""

    budget: Annotated[int, BeforeValidator(parse_budget)] = option(
        "2M", "number of parameters of the model, within 25 %: 500K, 2M, 20M, 200M, 2B"
    )
    space: Annotated[Space, BeforeValidator(load_space)] = option(
        "default", "a file in configs/search"
    )
    n_trials: Trials = option(20, "number of finished trials at which the search is complete")
    epochs: Epochs = option(30, "maximum number of epochs of a training run")
    max_steps: MostSteps = option(
        0, "number of steps after which a training run is complete; 0: no limit but its epochs"
    )
    seed: Seed = option(42, "seed of the random number generators")
    d_model: Pin[Width] = _pin("model width")
    n_layers: Pin[Depth] = _pin("encoder layers")
    n_heads: Pin[Heads] = _pin("attention heads")
    d_ff: Pin[FeedForward] = _pin("width of the feed-forward layer")
    learning_rate: Pin[LearningRate] = _pin("peak learning rate of the schedule")
    weight_decay: Pin[Decay] = _pin("weight decay of AdamW")
    warmup_steps: Pin[WarmUp] = _pin("number of steps of linear warm-up")
    dropout: Pin[Dropout] = _pin("dropout rate in the encoder")
    batch_size: Pin[BatchSize] = _pin("number of windows in a training step")
    revin: Pin[bool] = _pin("normalise each window (true or false)")
    sampler: Sampler = option(
        "tpe", f"Optuna's sampler, which chooses the next trial: {named(Sampler)}"
    )
    pruner: Pruner = option(
        "median", f"Optuna's pruner, which stops poor trials early: {named(Pruner)}"
    )
    objectives: Objectives = option(
        "val_loss",
        "what to minimise: val_loss, or val_loss+train_flops (a Pareto front, without pruning)",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to train")
    precision: AskedPrecision = option("auto", PRECISION)
    compile: AskedCompile = option("auto", COMPILE)
    nproc: Devices = option(1, NPROC)
    floors: ChosenFloors = option("default", "a file in configs/floors")
    health: ChosenHealth = option("default", "a file in configs/health: limits of temperature")

    @property
    def cell_name(self) -> str:
        """The identity of the cell: the tag ``finscale.cell``."""
        return f"{self.problem_name}.{format_budget(self.budget)}"

    @property
    def pins(self) -> dict[str, Any]:
        """The hyperparameters that the user has fixed, by name."""
        values = {name: getattr(self, name) for name in (*ARCHITECTURE_AXES, *TRAINING_AXES)}
        return {name: value for name, value in values.items() if value is not None}


class HpoConfig(SearchConfig):
    """Options of `hpo`: search for the best model within one parameter budget."""

    workers: Side = option(
        0, "number of parallel processes, which share the cores; 0: as many as pay on this machine"
    )
    timeout: Timeout = option(
        0, "seconds after which the command stops; run it again to continue; 0: no limit"
    )
    terminator: bool = option(
        "false", "stop when Optuna expects little further improvement (true or false)"
    )
    artifacts: Artifacts = option(
        "best",
        "which weights to keep: best (above 100 MB only the best three trials'), all, none",
    )
    max_artifact_gib: Gibibytes = option(
        20.0, "maximum GiB of weights; above it, the oldest are deleted first and the best last"
    )
    storage: Annotated[str, AfterValidator(_storage)] = option(
        "auto", "Optuna's own database: auto (a file below data_root), sqlite or postgresql"
    )
    dry_run: bool = option("false", "print what would be done, and train nothing (true or false)")

    @model_validator(mode="after")
    def _devices_are_shared_once(self) -> HpoConfig:
        check_nproc(self.nproc, self.workers)
        return self


class TrainConfig(SearchConfig):
    """Options of `train`: train the best trials of a search again, with several seeds."""

    top_k: Chosen = option(3, "number of best trials to train again")
    n_seeds: Seeds = option(3, "number of seeds for each of them")
    workers: Side = option(
        0, "number of parallel processes, which share the cores; 0: as many as pay"
    )
    dry_run: bool = option("false", "print what would be done, and train nothing (true or false)")

    @model_validator(mode="after")
    def _devices_are_shared_once(self) -> TrainConfig:
        check_nproc(self.nproc, self.workers)
        return self

    @property
    def search(self) -> HpoConfig:
        """The options of the search whose best trials are trained."""
        return HpoConfig(**{name: getattr(self, name) for name in SearchConfig.model_fields})


class RelocateConfig(Frozen):
    """Options of `relocate`: rewrite the addresses of artifacts whose folder was moved."""

    old: str = option("", "old place of the artifacts: an absolute folder (mlruns) or an address")
    new: str = option("", "new place of the artifacts: an existing folder or an address")
    dry_run: bool = option("false", "count the addresses, and change none (true or false)")

    @model_validator(mode="after")
    def _are_two_places(self) -> RelocateConfig:
        for name, place in (("old", self.old), ("new", self.new)):
            if not (place.startswith("/") or "://" in place):
                raise ConfigError(
                    name,
                    expected="an absolute folder such as /home/me/mlruns, or an address",
                    got=quoted(place),
                    todo=f"Give --{name}=... in full.",
                )
        return self


class VerifyConfig(Frozen):
    """Options of `verify`: check the machine, the packages, the store and the data."""

    part: Literal["all", "data"] = option("all", "what to check: all, or the data only")
    data_root: DataRoot = option(Path("data"), "folder of raw and processed data")
