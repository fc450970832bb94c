"""Inputs of a universe: fetches, builds and records whatever is missing."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from finscale.config import DataConfig
from finscale.dataset import PreparedInputs, check_warmup, prepare_inputs
from finscale.market import (
    StoredBars,
    is_prepared,
    jump_line,
    open_jumps,
    prepare_raw,
    refuse_impossible,
)
from finscale.pipeline.running import Line, Listen
from finscale.tracking import Run, log_inputs


def load_inputs(config: DataConfig, listen: Listen) -> PreparedInputs:
    """Return the inputs of a universe. Missing data are fetched and built, with a message.

    Suspicious bars are reported at every call until they are corrected or confirmed as true.

    Raises
    ------
    DataError
        If the data cannot be fetched or contain impossible bars.
    """
    universe = config.universe
    if not is_prepared(universe, config.data_root, vix=config.vix):
        what = "is not there yet, or its files have changed"
        listen(Line(f"Data of {universe.name} {what}: preparing it first."))
        fetch(config, listen)

    def accept(ticker: str, bars: pd.DataFrame) -> None:
        # Stored bars are checked too: an earlier version or universe file may have accepted them.
        refuse_impossible(bars, universe, f"{ticker} of universe {universe.name}")
        if jumps := open_jumps(bars, universe):
            listen(Line(jump_line(ticker, jumps)))

    return prepare_inputs(
        universe,
        config.feature_tier,
        config.timescale,
        config.data_root,
        now=datetime.now(UTC),
        vix=config.vix,
        tell=lambda line: listen(Line(line)),
        accept=accept,
    )


def fetch(config: DataConfig, listen: Listen) -> tuple[StoredBars, ...]:
    """Fetch the missing raw bars of a universe and report which.

    Bars that are too few for the features' warm-up are refused before they are stored.
    """

    def accept(what: str, bars: pd.DataFrame) -> None:
        check_warmup(bars, config.feature_tier, config.timescale, config.vix, what)

    return prepare_raw(
        config.universe,
        config.data_root,
        now=datetime.now(UTC),
        vix=config.vix,
        tell=lambda line: listen(Line(line)),
        accept=accept,
    )


def log_dataset(run: Run, config: DataConfig, inputs: PreparedInputs) -> None:
    """Record the dataset of a run as its input for training and validation, by name and digest."""
    vix = "-vix" if config.vix else ""
    log_inputs(
        run,
        name=f"{config.universe.name}-{config.timescale}-{config.feature_tier}{vix}",
        sha256=inputs.dataset_sha256,
        source=str(inputs.path),
        contexts=("training", "validation"),
    )
