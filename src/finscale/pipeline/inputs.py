"""A universe's inputs: fetched, built and recorded, whatever is not there yet."""

from __future__ import annotations

from datetime import UTC, datetime

from finscale.config import DataConfig
from finscale.dataset import PreparedInputs, prepare_inputs
from finscale.market import StoredBars, is_prepared, prepare_raw
from finscale.pipeline.progress import Line, Listen
from finscale.tracking import Run, log_inputs


def load_inputs(config: DataConfig, listen: Listen) -> PreparedInputs:
    """Return the inputs of a universe; fetch and build what is not there yet, and say so."""
    if not is_prepared(config.universe, config.data_root, vix=config.vix):
        listen(Line(f"Data of {config.universe.name} is not there yet: preparing it first."))
        fetch(config, listen)
    return prepare_inputs(
        config.universe,
        config.feature_tier,
        config.timescale,
        config.data_root,
        now=datetime.now(UTC),
        vix=config.vix,
        tell=lambda line: listen(Line(line)),
    )


def fetch(config: DataConfig, listen: Listen) -> tuple[StoredBars, ...]:
    """Fetch the raw bars of a universe that are not stored yet, and say which."""
    return prepare_raw(
        config.universe,
        config.data_root,
        now=datetime.now(UTC),
        vix=config.vix,
        tell=lambda line: listen(Line(line)),
    )


def log_dataset(run: Run, config: DataConfig, inputs: PreparedInputs) -> None:
    """Record what a run consumes: for training and for validation, by name and digest."""
    vix = "-vix" if config.vix else ""
    log_inputs(
        run,
        name=f"{config.universe.name}-{config.timescale}-{config.feature_tier}{vix}",
        sha256=inputs.dataset_sha256,
        source=str(inputs.path),
        contexts=("training", "validation"),
    )
