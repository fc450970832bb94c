"""`data`: fetch bars, build features, and record what there is as a run."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from finscale.config import DataConfig, options
from finscale.dataset import prepare_inputs
from finscale.market import prepare_raw
from finscale.pipeline.progress import Line, Listen, Screen
from finscale.tracking import Artifact, Kind, Tag, close_abandoned, log_inputs, verb_run


def data(config: DataConfig, run_id: str | None = None, *, listen: Listen | None = None) -> None:
    """Prepare a universe: what is stored already and intact is left as it is.

    Raises
    ------
    DataError
        If a source does not answer or gives what it should not.
    """
    if listen is None:
        with Screen() as screen:
            data(config, run_id, listen=screen)
        return
    close_abandoned(time.time())
    universe, root, now = config.universe, config.data_root, datetime.now(UTC)
    with verb_run(
        Kind.DATA, f"data {universe.name}", run_id=run_id, params=options(config), tags={}
    ) as opened:
        stored = prepare_raw(universe, root, now=now)
        inputs = prepare_inputs(universe, config.feature_tier, config.timescale, root, now=now)
        run = opened.own
        run.tag({Tag.DATA_SHA256: inputs.data_sha256, Tag.DATASET_SHA256: inputs.dataset_sha256})
        run.metric({"n_rows": len(inputs.frame), "n_features": inputs.frame.shape[1]})
        run.file(root / Artifact.MANIFEST.value)
        log_inputs(
            run,
            name=f"{universe.name}-{config.timescale}-{config.feature_tier}",
            sha256=inputs.dataset_sha256,
            source=str(inputs.path),
            contexts=("training", "validation"),
        )
        fresh = inputs.fresh or any(bars.fresh for bars in stored)
        lines = [
            f"{bars.ticker}: {bars.rows:,} sessions, {bars.first} to {bars.last}" for bars in stored
        ]
        rows, columns = inputs.frame.shape
        lines.append(f"{inputs.path}: {rows:,} rows, {columns} columns")
        run.note(
            f"Bars and features of `{universe.name}` from source {universe.source}.\n\n"
            + "\n".join(f"- {line}" for line in lines)
        )
        state = "prepared" if fresh else "up to date"
        listen(Line("\n".join([f"{universe.name} is {state}.", *lines])))
