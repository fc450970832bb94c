"""Run of kind `data`: records the data, with a page on their quality that is drawn once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from finscale.config import DataConfig, Universe, spell
from finscale.dataset import PreparedInputs
from finscale.market import (
    StoredBars,
    find_jumps,
    load_bars,
    open_jumps,
    quality_dates,
    quality_frame,
    quality_marks,
)
from finscale.pipeline.problem.preparation import log_dataset
from finscale.pipeline.running import Line, Listen, closing, one_at_a_time
from finscale.tracking import (
    Artifact,
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    find_result,
    fingerprint,
    handle,
    has_artifact,
    search,
    study_tags,
    where,
)


def data_lines(stored: Sequence[StoredBars], inputs: PreparedInputs) -> list[str]:
    """Describe the prepared data: a line per raw file and a line per processed file."""
    raw = [f"{bars.ticker}: {bars.rows:,} sessions, {bars.first} to {bars.last}" for bars in stored]
    rows, columns = inputs.frame.shape
    made = [f"{inputs.path}: {rows:,} rows, {columns} columns"]
    made += [f"{ticker.path}: {ticker.rows:,} rows" for ticker in inputs.pool]
    return [*raw, *made, f"dataset {inputs.dataset_sha256}"]


def ensure_page(
    config: DataConfig, inputs: PreparedInputs, listen: Listen, study: str | None = None
) -> None:
    """Record the data of a search or a study as a run of kind `data`, once per digest.

    A run that was deleted is not created again.
    """
    if _is_recorded(config, inputs):
        return
    with one_at_a_time(config.data_root, f"page of the data {config.universe.name}"):
        if _is_recorded(config, inputs):
            return
        listen(Line(f"Data of {config.universe.name}: drawing a page on their quality."))
        run = create_run(Kind.DATA, f"data {config.universe.name}", tags=study_tags(study))
        with closing(run):
            record_page(run, config, inputs, data_lines((), inputs))
            run.end(Status.OK, "completed")


def _is_recorded(config: DataConfig, inputs: PreparedInputs) -> bool:
    same = where(KIND=Kind.DATA, FINGERPRINT=_identity(config, inputs))
    return any(Tag.STATUS in run.data.tags for run in search(same, deleted=True))


def record_page(run: Run, config: DataConfig, inputs: PreparedInputs, lines: Sequence[str]) -> None:
    """Record prepared data on a run of kind `data`. Link to an earlier page or draw a new one.

    Parameters
    ----------
    lines : sequence of str
        The lines from `data_lines`.
    """
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
    first = _drawn_before(config, inputs)
    page = f"Its page: [first run]({first.link})" if first else _draw(run, config, inputs, lines)
    run.note(
        f"Bars and features of `{config.universe.name}` from source {config.universe.source}.\n\n"
        + "\n".join(f"- {line}" for line in lines)
        + f"\n- {page}\n- **Again** (finds everything up to date): `{spell('data', config)}`\n"
    )


def _drawn_before(config: DataConfig, inputs: PreparedInputs) -> Run | None:
    """Return the run that has the page of the same data, if it is still stored."""
    found = find_result(Kind.DATA, _identity(config, inputs))
    there = found and has_artifact(found.info.run_id, Artifact.QUALITY)
    return handle(found) if found and there else None


def _identity(config: DataConfig, inputs: PreparedInputs) -> str:
    """Return the identity of a page: a digest of the data, their universe and its parts."""
    universe = config.universe
    return fingerprint(
        Kind.DATA,
        dataset_sha256=inputs.dataset_sha256,
        universe=universe.name,
        target=universe.target,
        train_end=universe.train_end.isoformat(),
        validation_end=universe.validation_end.isoformat(),
    )


def _draw(run: Run, config: DataConfig, inputs: PreparedInputs, lines: Sequence[str]) -> str:
    """Draw the page: quality of the bars, drift of the columns, and a chart of the target.

    Returns
    -------
    str
        A sentence that summarises the page.
    """
    # Figures and drift tests take seconds to import; most commands do not need them.
    from finscale.dataset import drift_report
    from finscale.report import DataReport, overview_drawing, png, render_data_html

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
        dates=quality_dates(bars),
        jumps=_jumps_frame(bars, universe),
    )
    drawing = overview_drawing(report)
    picture = png(drawing)
    run.picture("overview", picture)
    run.text(Artifact.QUALITY.value, render_data_html(report, drawing, picture))
    run.text(Artifact.DRIFT.value, report.drift.reset_index().to_json(orient="records", indent=1))
    run.tag({Tag.FINGERPRINT: _identity(config, inputs)})  # the next run finds the page by it
    shifted = int(report.drift["has_shifted"].sum()) if len(report.drift) else 0
    return (
        f"{shifted} of {inputs.frame.shape[1]} columns have shifted from training to validation: "
        f"see `{Artifact.QUALITY}`"
    )


def _jumps_frame(bars: Mapping[str, pd.DataFrame], universe: Universe) -> pd.DataFrame:
    """Return all suspicious moves, and whether the universe's file confirms them."""
    rows = [
        (ticker, jump.day, jump.text, "confirmed by the universe" if is_true else "to be checked")
        for ticker, frame in bars.items()
        for jump in find_jumps(frame)
        if (is_true := jump.day in universe.true_jumps) or jump in open_jumps(frame, universe)
    ]
    return pd.DataFrame(rows, columns=["ticker", "date", "move", "verdict"])
