"""Studies: the matrix of cells that one question needs, and the effort for each cell."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from finscale.config.bounds import (
    BlockCount,
    Chosen,
    Delta,
    Devices,
    Epochs,
    Horizon,
    MostSteps,
    Seed,
    Seeds,
    Side,
    Trials,
)
from finscale.config.budget import parse_budget
from finscale.config.data_root import DataRoot
from finscale.config.engine import COMPILE, NPROC, AskedCompile, check_nproc
from finscale.config.errors import ConfigError
from finscale.config.files import Frozen, Named, load_named, option
from finscale.config.floors import load_floors
from finscale.config.health import Health
from finscale.config.precision import PRECISION, AskedPrecision
from finscale.config.problem import (
    N_BLOCKS,
    ChunkSamples,
    FeatureTier,
    LabelPrice,
    Problem,
    SplitKind,
    Task,
    Timescale,
    check_start,
    check_vix,
    load_task,
)
from finscale.config.space import Space, load_space
from finscale.config.universe import Universe, load_universe
from finscale.config.verbs import ChosenFloors, ChosenHealth, TrainConfig

Budget = Annotated[int, BeforeValidator(parse_budget)]

MOST_CELLS = 10_000
_SHARED = (
    "space",
    "n_trials",
    "epochs",
    "max_steps",
    "top_k",
    "n_seeds",
    "seed",
    "label_price",
    "split",
    "n_blocks",
    "samples_per_chunk",
    "floors",
)


class Study(Named):
    """Each combination of universe, task, horizon, timescale, tier, VIX and budget is one cell.

    Attributes
    ----------
    vix : tuple of bool
        Without the VIX, with it, or both.
    delta : float
        Smallest difference that counts, as a share of the loss scale (the reference loss; 1 nat
        for a density); fixed before looking at results.
    floors : Floors
        Smallest sample sizes of a cell. They change no result, so a dump leaves them out.
    """

    question: Annotated[str, Field(max_length=2_000)]
    universes: Annotated[
        tuple[Annotated[Universe, BeforeValidator(load_universe)], ...], Field(min_length=1)
    ]
    tasks: Annotated[tuple[Annotated[Task, BeforeValidator(load_task)], ...], Field(min_length=1)]
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1)]
    feature_tiers: Annotated[tuple[FeatureTier, ...], Field(min_length=1)]
    budgets: Annotated[tuple[Budget, ...], Field(min_length=1)]
    space: Annotated[Space, BeforeValidator(load_space)]
    n_trials: Trials = 20
    epochs: Epochs = 30
    top_k: Chosen = 3
    n_seeds: Seeds = 3
    seed: Seed = 42
    # A dump leaves these out at their default: they are newer, and old studies keep their identity.
    timescales: Annotated[
        tuple[Timescale, ...],
        Field(min_length=1, exclude_if=lambda scales: scales == ("daily",)),
    ] = ("daily",)
    vix: Annotated[
        tuple[bool, ...], Field(min_length=1, exclude_if=lambda with_vix: with_vix == (False,))
    ] = (False,)
    label_price: Annotated[LabelPrice, Field(exclude_if=lambda price: price == "high")] = "high"
    split: Annotated[SplitKind, Field(exclude_if=lambda kind: kind == "chronological")] = (
        "chronological"
    )
    n_blocks: Annotated[BlockCount, Field(exclude_if=lambda n: n == N_BLOCKS)] = N_BLOCKS
    samples_per_chunk: Annotated[ChunkSamples, Field(exclude_if=lambda n: n == "all")] = "all"
    max_steps: Annotated[MostSteps, Field(exclude_if=lambda n: n == 0)] = 0
    delta: Delta = 0.01
    floors: ChosenFloors = Field(default_factory=lambda: load_floors("default"), exclude=True)

    @model_validator(mode="after")
    def _can_be_done(self) -> Study:
        axes = (self.universes, self.tasks, self.horizons, self.timescales)
        n_cells = math.prod(map(len, (*axes, self.feature_tiers, self.vix, self.budgets)))
        if n_cells > MOST_CELLS:
            raise ConfigError(
                f"study {self.name}",
                expected=f"{MOST_CELLS:,} cells at most",
                got=f"{n_cells:,}",
                todo="Give fewer values, or several studies.",
            )
        return self

    @model_validator(mode="after")
    def _walk_forward_begins(self) -> Study:
        for universe in self.universes:
            check_start(self.split, universe)
        return self

    @model_validator(mode="after")
    def _vix_is_there(self) -> Study:
        for universe in self.universes:
            check_vix(True in self.vix, universe)
        return self

    def values(self) -> dict[str, Any]:
        """Return the values that identify the study: equal values make an equal study."""
        values = self.model_dump(mode="json")
        universes = values.pop("universes")
        # Earlier versions had the field `universe`: a study of one universe keeps its identity.
        one = len(universes) == 1
        return values | ({"universe": universes[0]} if one else {"universes": universes})

    def cells(
        self,
        data_root: Path,
        device: str,
        precision: AskedPrecision = "auto",
        compile: AskedCompile = "auto",
        health: Health | None = None,
        nproc: int = 1,
    ) -> tuple[TrainConfig, ...]:
        """Return all cells of the matrix, problem by problem, small budgets first.

        Parameters
        ----------
        health : Health, optional
            Limits of temperature; by default those of the file `default`.
        """
        shared = {name: getattr(self, name) for name in _SHARED}
        axes = {
            "universe": self.universes,
            "task": self.tasks,
            "horizon": self.horizons,
            "timescale": self.timescales,
            "feature_tier": self.feature_tiers,
            "vix": self.vix,
            "budget": sorted(self.budgets),
        }
        where = {
            "data_root": data_root,
            "device": device,
            "precision": precision,
            "compile": compile,
            "health": health or "default",
            "nproc": nproc,
        }
        cells = (
            TrainConfig.model_validate({**shared, **where, **dict(zip(axes, place, strict=True))})
            for place in product(*axes.values())
        )
        return tuple(dict.fromkeys(cells))  # 2M and 2000K are the same cell


NO_STUDY = "none"
"""Value of the option `study` with which `analyze` takes the problem of its parameters."""


def load_study(name: object) -> Study:
    """Load a study by name; a `Study` that is already loaded is returned as it is.

    Raises
    ------
    ConfigError
        If the name is the one that means no study.
    """
    if name == NO_STUDY:
        raise ConfigError(
            "study",
            expected=f"another name than {NO_STUDY}, which stands for no study",
            got=NO_STUDY,
            todo="Rename the file.",
        )
    return name if isinstance(name, Study) else load_named("study", name, Study)


class StudyConfig(Frozen):
    """Options of `study`: run a whole matrix, continue where it stopped, and conclude."""

    study: Annotated[Study, BeforeValidator(load_study)] = option(
        "demo", "a file in configs/studies"
    )
    workers: Side = option(
        0, "number of cells that run in parallel; 0: as many as the cores and the memory allow"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to train")
    precision: AskedPrecision = option("auto", PRECISION)
    compile: AskedCompile = option("auto", COMPILE)
    nproc: Devices = option(1, NPROC)
    health: ChosenHealth = option("default", "a file in configs/health: limits of temperature")
    data_root: DataRoot = option(Path("data"), "folder of raw and processed data")
    dry_run: bool = option("false", "print what would be done, and train nothing (true or false)")

    @model_validator(mode="after")
    def _devices_are_shared_once(self) -> StudyConfig:
        check_nproc(self.nproc, self.workers)
        return self


def _known(name: str) -> str:
    if name != NO_STUDY:
        load_study(name)
    return name


class AnalyzeConfig(Problem):
    """Options of `analyze`: a verdict from the finals in the tracking store."""

    study: Annotated[str, AfterValidator(_known)] = option(
        NO_STUDY, "a file in configs/studies; 'none' analyzes this problem at all budgets"
    )
    floors: ChosenFloors = option(
        "default", "a file in configs/floors; with a study, the study's own floors are used"
    )
    precision: AskedPrecision = option(
        "auto", "arithmetic in which a study's cells were trained; auto: float32 if all were"
    )
    allow_partial: bool = option(
        "false", "open the test although the study is incomplete, and record this (true or false)"
    )
