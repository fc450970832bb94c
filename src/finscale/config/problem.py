"""Problems: task, data and split of a forecast, with the name that identifies them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from finscale.config.bounds import BlockCount, Context, Horizon, Patch, Rise, Share, Shuffled
from finscale.config.data_root import DataRoot
from finscale.config.errors import ConfigError
from finscale.config.files import Frozen, Named, load_named, option
from finscale.config.hyperparameters import CONTEXT_LENGTH, PATCH_LENGTH, PATCH_STRIDE
from finscale.config.places import file_of, shown_path
from finscale.config.universe import Universe, load_universe
from finscale.config.words import named

FeatureTier = Literal["a20", "a50", "a100", "a200", "a250", "a500"]
Timescale = Literal["daily", "2d", "3d", "5d", "weekly", "2wk", "monthly", "daily+multi"]
TIMESCALES: tuple[Timescale, ...] = get_args(Timescale)
TaskKind = Literal["threshold", "direction", "regression"]
LabelPrice = Literal["high", "close"]
SplitKind = Literal["chronological", "walk-forward", "chunk", "cpcv"]
ChunkSamples = Literal["one", "all"]

N_BLOCKS = 5
WHOLE = 100.0
"""Percent of the training days that are used, unless an option says otherwise."""
LOG_SIGMA_BOUNDS = (-12.0, 4.0)
"""Bounds to which log sigma of a forecast is clipped, in training and in scores alike: a standard
deviation from a sixteenth of a basis point to a factor of e^54, so that no loss is infinite."""


class Task(Named):
    """The question about the next `horizon` bars; it determines the head, the loss and the scores.

    Attributes
    ----------
    kind : {"threshold", "direction", "regression"}
        Does a price reach close * (1 + rise)? Is the last close above today's? What is the log
        return?
    rise : float
        Relative rise of a threshold task; other kinds have none.
    shuffle : int, optional
        A control: block length, in bars, in which labels are shuffled, so that nothing can be
        learned.
    """

    kind: Annotated[TaskKind, Field(exclude_if=lambda kind: kind == "threshold")] = "threshold"
    rise: Rise | None = None
    # A dump leaves it out at its default: the field is newer, and old studies keep their identity.
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
        """True if labels are 0 and 1 (logit, cross-entropy), False if returns (Gaussian)."""
        return self.kind != "regression"

    @property
    def n_outputs(self) -> int:
        """K, the number of outputs: a logit, or mean and log sigma."""
        return 1 if self.is_binary else 2


def load_task(name: object) -> Task:
    """Load a task by name; a `Task` that is already loaded is returned as it is.

    Examples
    --------
    >>> from finscale.config import load_task
    >>> task = load_task("threshold_1pct")
    >>> task.rise, task.kind
    (0.01, 'threshold')
    """
    return name if isinstance(name, Task) else load_named("task", name, Task)


def check_start(split: SplitKind, universe: Universe) -> None:
    """Refuse walk-forward for a universe that does not say when evaluation starts.

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
    """Refuse the VIX for a universe that has none.

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
    """Options of `data`: universe, timescale and features."""

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
    """A prediction problem: data, label, split and the window that the model sees."""

    task: Annotated[Task, BeforeValidator(load_task)] = option(
        "threshold_1pct", "a file in configs/tasks"
    )
    horizon: Horizon = option(1, "how many bars ahead the label looks")
    label_price: LabelPrice = option(
        "high", "price that must reach the threshold: high or close; other tasks use the close"
    )
    split: SplitKind = option(
        "chronological",
        f"how days are divided into training, validation and test: {named(SplitKind)}",
    )
    n_blocks: BlockCount = option(
        N_BLOCKS, "number of blocks in the evaluation period (walk-forward)"
    )
    samples_per_chunk: ChunkSamples = option(
        "all", "samples that are used of each chunk: one or all (chunk)"
    )
    training_share: Share = option(
        WHOLE, "percent of the training days that are used: the most recent ones"
    )
    context_length: Context = option(CONTEXT_LENGTH, "number of bars in a window")
    patch_length: Patch = option(PATCH_LENGTH, "number of bars in a patch")
    patch_stride: Patch = option(PATCH_STRIDE, "number of bars from one patch to the next")

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
        """The price that labels are made from; only thresholds leave a choice."""
        return self.label_price if self.task.kind == "threshold" else "close"

    @property
    def title(self) -> str:
        """Short title for names of runs, without the parts that are at their usual value.

        Differences from the usual problem come early, since lists cut long names. The horizon and
        the universe are always there; `problem_name` has all parts.
        """
        universe, task, horizon, timescale, tier, *others = self.problem_name.split(".")
        usual = {"daily", "a20", "threshold_1pct"}
        apart = [part for part in (tier, timescale, *others, task) if part not in usual]
        return " ".join([horizon, *apart, universe])

    @property
    def problem_name(self) -> str:
        """The identity of the problem: the tag ``finscale.problem``; no part contains a dot.

        Options that the task or the split does not use are left out.
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
        if self.training_share != WHOLE:
            # All digits: two shares are two problems, even 33.33333 and 33.33334.
            parts.append(f"share{self.training_share!r}".removesuffix(".0").replace(".", "p"))
        if self.context_length != CONTEXT_LENGTH:
            parts.append(f"context{self.context_length}")
        if (self.patch_length, self.patch_stride) != (PATCH_LENGTH, PATCH_STRIDE):
            parts.append(f"patch{self.patch_length}s{self.patch_stride}")
        return ".".join(parts)
