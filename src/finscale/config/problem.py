"""A problem: what is predicted, from what, on which days. Its name is its identity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from finscale.config.errors import ConfigError
from finscale.config.files import Frozen, Named, load_named, option
from finscale.config.universe import Universe, load_universe

FeatureTier = Literal["a20"]
Horizon = Annotated[int, Field(ge=1, le=250)]


class Task(Named):
    """What is asked of the next `horizon` bars: does the highest high reach close * (1 + rise)?"""

    rise: Annotated[float, Field(gt=0, lt=1)]


def load_task(name: object) -> Task:
    """Read a task by name; an already loaded one passes through."""
    return name if isinstance(name, Task) else load_named("task", name, Task)


class DataConfig(Frozen):
    """Options of `data`: which bars, at which timescale, with which features."""

    universe: Annotated[Universe, BeforeValidator(load_universe)] = option(
        "sp500", "a file in configs/universes"
    )
    timescale: Literal["daily"] = option("daily", description="length of a bar")
    feature_tier: FeatureTier = option("a20", "set of indicators")
    data_root: Path = option(Path("data"), "folder of raw and processed data")


class Problem(DataConfig):
    """A prediction problem: data, label, split and the window the model sees."""

    task: Annotated[Task, BeforeValidator(load_task)] = option(
        "threshold_1pct", "a file in configs/tasks"
    )
    horizon: Horizon = option(1, "bars ahead that the label looks at")
    split: Literal["chronological"] = option(
        "chronological", "how days are cut into training, validation and test"
    )
    context_length: Annotated[int, Field(ge=2, le=2000)] = option(60, "bars in a window")
    patch_length: Annotated[int, Field(ge=1)] = option(10, "bars in a patch")
    patch_stride: Annotated[int, Field(ge=1)] = option(5, "bars from one patch to the next")

    @model_validator(mode="after")
    def _patches_fit(self) -> Problem:
        if self.patch_length > self.context_length:
            raise ConfigError(
                "patch_length",
                expected=f"at most context_length = {self.context_length}",
                got=str(self.patch_length),
                todo="Shorten the patch or lengthen the context.",
            )
        return self

    @property
    def problem_name(self) -> str:
        """The identity of the problem: the tag ``finscale.problem``; no part holds a dot."""
        parts = [
            self.universe.name,
            self.task.name,
            f"h{self.horizon}",
            self.timescale,
            self.feature_tier,
        ]
        if self.context_length != 60:
            parts.append(f"context{self.context_length}")
        if (self.patch_length, self.patch_stride) != (10, 5):
            parts.append(f"patch{self.patch_length}s{self.patch_stride}")
        return ".".join(parts)
