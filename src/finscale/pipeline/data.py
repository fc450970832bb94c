"""`data`: fetches bars, builds features, checks both, and records the result as a run."""

from __future__ import annotations

import time

from finscale.config import DataConfig, options, spell
from finscale.pipeline.problem import data_lines, fetch, load_inputs, record_page
from finscale.pipeline.running import Line, Listen, on_terminal, shown
from finscale.tracking import Kind, prepare_store, verb_run


@shown
def data(config: DataConfig, run_id: str | None = None, *, listen: Listen = on_terminal) -> None:
    """Prepare the data of a universe. Files that are stored and intact are left unchanged.

    Raises
    ------
    DataError
        If a source does not answer or returns invalid data. Earlier data are kept.
    """
    prepare_store(time.time())
    universe = config.universe
    with verb_run(
        Kind.DATA,
        f"data {universe.name}",
        run_id=run_id,
        params=options(config),
        tags={},
        resume=spell("data", config),
    ) as runs:
        stored = fetch(config, listen)
        inputs = load_inputs(config, listen)
        lines = data_lines(stored, inputs)
        record_page(runs.own, config, inputs, lines)
        fresh = inputs.fresh or any(bars.fresh for bars in stored)
        state = "prepared" if fresh else "up to date"
        listen(Line("\n".join([f"{universe.name} is {state}.", *lines])))
