"""User-facing errors, budgets and frozen configs: the border where text becomes types."""

from finscale.config.budget import format_budget, format_size, parse_budget
from finscale.config.command_line import option_names, options, parse, spell
from finscale.config.errors import (
    ConfigError,
    DataError,
    FinscaleError,
    RefusedError,
    StoreError,
)
from finscale.config.files import CONFIGS, read_pins, unknown
from finscale.config.floors import Floors, load_floors
from finscale.config.problem import (
    LOG_SIGMA_BOUNDS,
    N_BLOCKS,
    TIMESCALES,
    ChunkSamples,
    DataConfig,
    LabelPrice,
    Problem,
    SplitKind,
    Task,
    Timescale,
    load_task,
)
from finscale.config.space import Space, load_space
from finscale.config.store import check_tracking_uri
from finscale.config.study import Study, StudyConfig, load_study
from finscale.config.tickers import check_ticker, file_stem
from finscale.config.universe import (
    FredSeries,
    Planted,
    Synthetic,
    Universe,
    load_universe,
    universe_names,
)
from finscale.config.verbs import (
    ARCHITECTURE_AXES,
    TRAINING_AXES,
    AnalyzeConfig,
    Artifacts,
    HpoConfig,
    Objectives,
    Pruner,
    Sampler,
    SearchConfig,
    TrainConfig,
    VerifyConfig,
)

__all__ = [
    "ARCHITECTURE_AXES",
    "CONFIGS",
    "LOG_SIGMA_BOUNDS",
    "N_BLOCKS",
    "TIMESCALES",
    "TRAINING_AXES",
    "AnalyzeConfig",
    "Artifacts",
    "ChunkSamples",
    "ConfigError",
    "DataConfig",
    "DataError",
    "FinscaleError",
    "Floors",
    "FredSeries",
    "HpoConfig",
    "LabelPrice",
    "Objectives",
    "Planted",
    "Problem",
    "Pruner",
    "RefusedError",
    "Sampler",
    "SearchConfig",
    "Space",
    "SplitKind",
    "StoreError",
    "Study",
    "StudyConfig",
    "Synthetic",
    "Task",
    "Timescale",
    "TrainConfig",
    "Universe",
    "VerifyConfig",
    "check_ticker",
    "check_tracking_uri",
    "file_stem",
    "format_budget",
    "format_size",
    "load_floors",
    "load_space",
    "load_study",
    "load_task",
    "load_universe",
    "option_names",
    "options",
    "parse",
    "parse_budget",
    "read_pins",
    "spell",
    "universe_names",
    "unknown",
]
