"""A problem: what is predicted, from what, on which days. Its name is its identity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from finscale.config.bounds import BlockCount, Context, Horizon, Patch, Rise, Shuffled
from finscale.config.data_root import DataRoot
from finscale.config.errors import ConfigError
from finscale.config.files import Frozen, Named, load_named, option
from finscale.config.hyperparameters import CONTEXT_LENGTH, PATCH_LENGTH, PATCH_STRIDE
from finscale.config.places import file_of, shown_path
from finscale.config.universe import Universe, load_universe

FeatureTier = Literal["a20", "a50", "a100", "a200", "a250", "a500"]
Timescale = Literal["daily", "2d", "3d", "5d", "weekly", "2wk", "monthly", "daily+multi"]
TIMESCALES: tuple[Timescale, ...] = get_args(Timescale)
TaskKind = Literal["threshold", "direction", "regression"]
LabelPrice = Literal["high", "close"]
SplitKind = Literal["chronological", "walk-forward", "chunk", "cpcv"]
ChunkSamples = Literal["one", "all"]

N_BLOCKS = 5
LOG_SIGMA_BOUNDS = (-12.0, 4.0)
"""Log sigma of a forecast is read within these, in training and in scores alike: a standard
deviation from a sixteenth of a basis point to a factor of e^54, and never a loss without end."""


class Task(Named):
    """What is asked of the next `horizon` bars; it binds the head, the loss and the scores.

    Attributes
    ----------
    kind : {"threshold", "direction", "regression"}
        Does a price reach close * (1 + rise); is the last close above today's; the log return.
    rise : float
        Of a threshold, and only there.
    shuffle : int, optional
        A control: labels change places in blocks of so many bars, and nothing is left to learn.
    """

    kind: Annotated[TaskKind, Field(exclude_if=lambda kind: kind == "threshold")] = "threshold"
    rise: Rise | None = None
    # Left out of a dump where there is none: it came later, and old studies keep their identity.
    shuffle: Annotated[Shuffled | None, Field(exclude_if=lambda blocks: blocks is None)] = None

    @model_validator(mode="after")
    def _only_thresholds_rise(self) -> Task:
        if (self.kind == "threshold") != (self.rise is not None):
            raise ConfigError(
                f"task {self.name}",
                expected="a rise with kind threshold, and only there",
                got=f"kind {self.kind}, rise {self.rise}",
                todo="Give a rise such as 0.01, or leave it out.",
            )
        return self

    @property
    def is_binary(self) -> bool:
        """Whether labels are 0 and 1 (a logit and cross-entropy), or returns (a Gaussian)."""
        return self.kind != "regression"

    @property
    def n_outputs(self) -> int:
        """K: a logit, or mean and log sigma."""
        return 1 if self.is_binary else 2


def load_task(name: object) -> Task:
    """Read a task by name; an already loaded one passes through.

    Examples
    --------
    >>> from finscale.config import load_task
    >>> task = load_task("threshold_1pct")
    >>> task.rise, task.kind
    (0.01, 'threshold')
    """
    return name if isinstance(name, Task) else load_named("task", name, Task)


def check_start(split: SplitKind, universe: Universe) -> None:
    """Refuse to walk forward through a universe that does not say from where.

    Raises
    ------
    ConfigError
        If `split` is walk-forward and `universe` has no evaluation_start.
    """
    if split == "walk-forward" and universe.evaluation_start is None:
        raise ConfigError(
            "split walk-forward",
            expected="a universe that says when evaluation starts",
            got=f"universe {universe.name} without evaluation_start",
            todo=f"Add evaluation_start to {shown_path(file_of('universe', universe.name))}.",
        )


def check_vix(vix: bool, universe: Universe) -> None:
    """Refuse a VIX where the universe names none.

    Raises
    ------
    ConfigError
        If `vix` is asked for and `universe` has none.
    """
    if vix and universe.vix is None:
        raise ConfigError(
            "vix",
            expected="a universe with a VIX",
            got=f"universe {universe.name} without one",
            todo=f"Take vix=false, or add vix to {shown_path(file_of('universe', universe.name))}.",
        )


class DataConfig(Frozen):
    """Options of `data`: which bars, at which timescale, with which features."""

    universe: Annotated[Universe, BeforeValidator(load_universe)] = option(
        "sp500", "a file in configs/universes"
    )
    timescale: Timescale = option("daily", f"length of a bar: {', '.join(TIMESCALES)}")
    feature_tier: FeatureTier = option("a20", "set of indicators: a20, a50, a100, a200, a250, a500")
    vix: bool = option("false", "add the universe's VIX as 8 channels (true or false)")
    data_root: DataRoot = option(Path("data"), "folder of raw and processed data")

    @model_validator(mode="after")
    def _vix_is_there(self) -> DataConfig:
        check_vix(self.vix, self.universe)
        return self


class Problem(DataConfig):
    """A prediction problem: data, label, split and the window the model sees."""

    task: Annotated[Task, BeforeValidator(load_task)] = option(
        "threshold_1pct", "a file in configs/tasks"
    )
    horizon: Horizon = option(1, "bars ahead that the label looks at")
    label_price: LabelPrice = option(
        "high", "price that has to reach a threshold: high or close; other tasks take the close"
    )
    split: SplitKind = option("chronological", "how days are cut into training, validation, test")
    n_blocks: BlockCount = option(N_BLOCKS, "blocks of the evaluation period (walk-forward)")
    samples_per_chunk: ChunkSamples = option("all", "samples of a chunk: one or all (chunk)")
    context_length: Context = option(CONTEXT_LENGTH, "bars in a window")
    patch_length: Patch = option(PATCH_LENGTH, "bars in a patch")
    patch_stride: Patch = option(PATCH_STRIDE, "bars from one patch to the next")

    @model_validator(mode="after")
    def _patches_fit(self) -> Problem:
        for name in ("patch_length", "patch_stride"):
            if (bars := getattr(self, name)) > self.context_length:
                raise ConfigError(
                    name,
                    expected=f"at most context_length = {self.context_length}",
                    got=str(bars),
                    todo="Give fewer bars, or a longer context.",
                )
        return self

    @model_validator(mode="after")
    def _walk_forward_begins(self) -> Problem:
        check_start(self.split, self.universe)
        return self

    @property
    def price(self) -> LabelPrice:
        """The price that labels look at: there is a choice for thresholds only."""
        return self.label_price if self.task.kind == "threshold" else "close"

    @property
    def title(self) -> str:
        """What tells the problem from the usual one, first: the names of runs are cut in a list.

        The horizon and the universe are always said; `problem_name` says all.
        """
        universe, task, horizon, timescale, tier, *others = self.problem_name.split(".")
        usual = {"daily", "a20", "threshold_1pct"}
        apart = [part for part in (tier, timescale, *others, task) if part not in usual]
        return " ".join([horizon, *apart, universe])

    @property
    def problem_name(self) -> str:
        """The identity of the problem: the tag ``finscale.problem``; no part holds a dot.

        An option that the task or the split does not look at is no part of it.
        """
        parts = [
            self.universe.name,
            self.task.name,
            f"h{self.horizon}",
            self.timescale,
            self.feature_tier,
        ]
        if self.vix:
            parts.append("vix")
        if self.task.kind == "threshold" and self.label_price != "high":
            parts.append(self.label_price)
        if self.split != "chronological":
            parts.append(self.split)
        if self.split == "walk-forward" and self.n_blocks != N_BLOCKS:
            parts.append(f"blocks{self.n_blocks}")
        if self.split == "chunk" and self.samples_per_chunk != "all":
            parts.append(self.samples_per_chunk)
        if self.context_length != CONTEXT_LENGTH:
            parts.append(f"context{self.context_length}")
        if (self.patch_length, self.patch_stride) != (PATCH_LENGTH, PATCH_STRIDE):
            parts.append(f"patch{self.patch_length}s{self.patch_stride}")
        return ".".join(parts)
