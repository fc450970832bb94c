"""`data`: fetch bars, build features, look at both, and record what there is as a run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from finscale.config import DataConfig, options, spell
from finscale.dataset import PreparedInputs, drift_report
from finscale.market import StoredBars, load_bars, quality_frame, quality_marks
from finscale.pipeline.inputs import fetch, load_inputs, log_dataset
from finscale.pipeline.progress import Line, Listen, Screen
from finscale.report import DataReport, overview_drawing, png, render_data_html
from finscale.tracking import Artifact, Kind, Run, Tag, prepare_store, verb_run


def data(config: DataConfig, run_id: str | None = None, *, listen: Listen | None = None) -> None:
    """Prepare a universe: what is stored already and intact is left as it is.

    Raises
    ------
    DataError
        If a source does not answer or gives what it should not: what came before is kept.
    """
    if listen is None:
        with Screen() as screen:
            data(config, run_id, listen=screen)
        return
    prepare_store(time.time())
    universe = config.universe
    with verb_run(
        Kind.DATA, f"data {universe.name}", run_id=run_id, params=options(config), tags={}
    ) as opened:
        stored = fetch(config, listen)
        inputs = load_inputs(config, listen)
        _record(opened.own, config, inputs)
        lines = _lines(stored, inputs)
        _report(opened.own, config, inputs, lines)
        fresh = inputs.fresh or any(bars.fresh for bars in stored)
        state = "prepared" if fresh else "up to date"
        listen(Line("\n".join([f"{universe.name} is {state}.", *lines])))


def _record(run: Run, config: DataConfig, inputs: PreparedInputs) -> None:
    run.tag({Tag.DATA_SHA256: inputs.data_sha256, Tag.DATASET_SHA256: inputs.dataset_sha256})
    run.metric(
        {
            "n_rows": len(inputs.frame),
            "n_features": inputs.frame.shape[1],
            "n_tickers": 1 + len(inputs.pool),
        }
    )
    run.file(config.data_root / Artifact.MANIFEST.value)
    log_dataset(run, config, inputs)


def _lines(stored: Sequence[StoredBars], inputs: PreparedInputs) -> list[str]:
    raw = [f"{bars.ticker}: {bars.rows:,} sessions, {bars.first} to {bars.last}" for bars in stored]
    rows, columns = inputs.frame.shape
    made = [f"{inputs.path}: {rows:,} rows, {columns} columns"]
    made += [f"{ticker.path}: {ticker.rows:,} rows" for ticker in inputs.pool]
    return [*raw, *made, f"dataset {inputs.dataset_sha256}"]


def _report(run: Run, config: DataConfig, inputs: PreparedInputs, lines: Sequence[str]) -> None:
    """Say what is odd in the bars, and which columns have drifted; draw the target."""
    universe, root = config.universe, config.data_root
    bars = {ticker: load_bars(universe, root, ticker) for ticker in universe.tickers}
    report = DataReport(
        title=f"Data of {universe.name}, {config.timescale} bars, tier {config.feature_tier}",
        target=universe.target,
        bars=bars,
        quality=quality_frame(bars),
        marks=quality_marks(bars[universe.target]),
        drift=drift_report(inputs.frame, universe.train_end, universe.validation_end),
        train_end=universe.train_end,
        validation_end=universe.validation_end,
        lines=tuple(lines),
    )
    drawing = overview_drawing(report)
    picture = png(drawing)
    run.picture("overview", picture)
    run.text(Artifact.QUALITY.value, render_data_html(report, drawing, picture))
    run.text(Artifact.DRIFT.value, report.drift.reset_index().to_json(orient="records", indent=1))
    shifted = int(report.drift["has_shifted"].sum()) if len(report.drift) else 0
    run.note(
        f"Bars and features of `{universe.name}` from source {universe.source}.\n\n"
        + "\n".join(f"- {line}" for line in lines)
        + f"\n- {shifted} of {inputs.frame.shape[1]} columns have shifted from training to "
        f"validation: see `{Artifact.QUALITY}`\n"
        f"- **Again** (finds everything up to date): `{spell('data', config)}`\n"
    )
