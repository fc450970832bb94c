"""`make dictionary`: write docs/data_dictionary.md from the code and the bundled data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from docs.generate.dictionary_page import STATISTICS, Chapter, Column, render_dictionary
from finscale.config import TIMESCALES, Universe, load_universe, universe_names
from finscale.dataset import (
    MACRO,
    MULTI,
    TERM_SPREAD,
    TIERS,
    VIX,
    Feature,
    build_inputs,
    prepare_inputs,
    tier_features,
    warmup_rows,
)
from finscale.market import COLUMNS, FRED, load_bars, prepare_raw, read_manifest, resample
from finscale.report import Table

PATH = Path(__file__).resolve().parents[1] / "data_dictionary.md"
BUNDLED = ("sp500", "nasdaq")
WITH_VIX = "sp500-vix"
# Files of any day are alike: the dictionary must not change from day to day.
NOW = datetime(2000, 1, 1, tzinfo=UTC)
ROUNDING = 1e-12
_UNITS = {"volume": "units traded"}
_ADJUSTED = {
    "open": "first price of the session",
    "high": "highest price",
    "low": "lowest price",
    "close": "last price",
    "volume": "units traded; 0 where the instrument has none",
}


def dictionary_text() -> str:
    """Return the data dictionary as Markdown."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in (*BUNDLED, WITH_VIX):
            prepare_raw(load_universe(name), root, now=NOW, vix=name == WITH_VIX)
        inputs = build_inputs(load_bars("sp500", root), "a500")
        chapters = [
            _universes(),
            _raw(root),
            _processed(root),
            _timescales(root),
            *_tiers(inputs),
            _multi(root),
            _vix(root),
            _macro(),
        ]
    return render_dictionary(chapters)


def _universes() -> Chapter:
    rows = tuple(_universe_row(load_universe(name)) for name in universe_names())
    header = ("universe", "source", "target", "tickers", "from", "train to", "validation to", "to")
    text = (
        "Files in `configs/universes/`. The target is what is forecast: labels, validation "
        "and test are its own. The other tickers add windows to training, and these end "
        "before the target's validation begins."
    )
    return Chapter("Universes", text, (Table((*header, "VIX", "macro"), rows),))


def _universe_row(universe: Universe) -> tuple[str, ...]:
    dates = (universe.start, universe.train_end, universe.validation_end, universe.end)
    return (
        universe.name,
        universe.source,
        universe.target,
        " ".join(universe.tickers),
        *(str(day) for day in dates),
        universe.vix or "",
        " ".join(universe.fred),
    )


def _raw(root: Path) -> Chapter:
    text = (
        "`data/raw/<universe>/<ticker without ^>.parquet` holds the bars as the source gave "
        "them. They were validated and are never changed. The index `date` is the session, "
        "without time zone (timestamp[us]). Prices of the source yahoo are adjusted for "
        "splits and dividends. The VIX and macro series are flat bars: open, high, low and "
        "close are the value, and volume is 0. The `date` of a macro series is that of the "
        "observation."
    )
    columns = [
        Column(
            name=f"{ticker} {name}",
            type="double",
            formula=_ADJUSTED[name],
            source=f"{universe} ({load_universe(universe).source})",
            unit=_UNITS.get(name, "price"),
            statistics=_statistics(load_bars(universe, root, ticker)[name]),
        )
        for universe, ticker in (("sp500", "^GSPC"), ("nasdaq", "^IXIC"), (WITH_VIX, "^VIX"))
        for name in (COLUMNS if ticker != "^VIX" else ("close",))
    ]
    return Chapter("Raw files", text, (_files(root, "raw/"),), tuple(columns))


def _processed(root: Path) -> Chapter:
    for name in BUNDLED:
        for tier in TIERS:
            prepare_inputs(load_universe(name), tier, "daily", root, now=NOW)
    prepare_inputs(load_universe(WITH_VIX), "a20", "daily", root, now=NOW, vix=True)
    text = (
        "`data/processed/<universe>-<timescale>-<tier>[-vix][-<ticker>]-<digest>.parquet` "
        "holds the inputs of the models, after the rule *as an input* below and in natural "
        "scale. The scaler of a model is fitted on training rows and is not in these files. "
        "The digest is computed from the raw values, tier, timescale, VIX and feature "
        "version, so a change of any of them makes another file."
    )
    return Chapter("Processed files", text, (_files(root, "processed/"),))


def _files(root: Path, folder: str) -> Table:
    rows = tuple(
        (
            f"`{name}`",
            f"{entry.rows:,}",
            str(len(pd.read_parquet(root / name).columns)),
            entry.first,
            entry.last,
            entry.source,
        )
        for name, entry in read_manifest(root).items()
        if name.startswith(folder)
    )
    return Table(("file", "rows", "columns", "first", "last", "made from"), rows)


def _timescales(root: Path) -> Chapter:
    daily = load_bars("sp500", root)
    rows = []
    for timescale in TIMESCALES:
        bars = resample(daily, timescale)
        left = [len(bars) - warmup_rows(tier, timescale) for tier in ("a20", "a500")]
        dates = (f"{day:%Y-%m-%d}" for day in (bars.index[0], bars.index[-1]))
        rows.append((timescale, f"{len(bars):,}", *dates, *(f"{max(n, 0):,}" for n in left)))
    header = ("timescale", "bars of sp500", "first", "last", "after warm-up, a20", "a500")
    text = (
        "A bar of a coarser timescale has the first open, the highest high, the lowest low, "
        "the last close and the sum of the volumes of its sessions, and the date of the last "
        "of them. A last bar that may still grow is dropped. Horizons and warm-ups count "
        "bars."
    )
    return Chapter("Timescales", text, (Table(header, tuple(rows)),))


def _tiers(inputs: pd.DataFrame) -> Iterable[Chapter]:
    smallest: dict[str, str] = {}
    for tier in TIERS:
        for feature in tier_features(tier):
            smallest.setdefault(feature.name, tier)
    rows = tuple(
        (tier, str(len(features)), str(len(features) - len(COLUMNS)), str(warmup_rows(tier)))
        for tier, features in TIERS.items()
    )
    text = (
        "Each tier holds the one before it. Five of its columns are the bars themselves "
        "(group price).\n\n"
        "In the tables of columns below, *unit* is the unit of the formula, and *as an input* "
        "says how the input of a model is made from its value; there, `close` and `mean "
        "volume` (of 20 bars) are those of the bar. Statistics are those of the input, on "
        "`sp500`. *Warm-up* counts the rows at the start that may have no value; where it "
        "depends on the calendar, it is the largest possible number. A number after *of* "
        "counts bars, including the bar of the row; `ln` is the natural logarithm."
    )
    header = ("tier", "columns", "indicators", "warm-up rows")
    yield Chapter("Tiers", text, (Table(header, rows),))
    groups = dict.fromkeys(feature.group for feature in tier_features("a500"))
    for group in groups:
        mine = [feature for feature in tier_features("a500") if feature.group == group]
        columns = [_column(feature, inputs, smallest[feature.name]) for feature in mine]
        yield Chapter(f"Columns: {group}", "", columns=tuple(columns))


def _multi(root: Path) -> Chapter:
    inputs = build_inputs(load_bars("sp500", root), "a20", "daily+multi")
    columns = tuple(_column(feature, inputs) for feature in MULTI)
    text = (
        "`timescale=daily+multi` adds these columns. Each session sees the last week and the last "
        "month that have ended."
    )
    return Chapter("Columns: daily+multi", text, columns=columns)


def _vix(root: Path) -> Chapter:
    universe = load_universe(WITH_VIX)
    inputs = prepare_inputs(universe, "a20", "daily", root, now=NOW, vix=True).frame
    text = (
        "`vix=true` adds these columns. `close` is that of the VIX, and statistics are those of "
        "`sp500-vix`."
    )
    columns = (replace(_column(feature, inputs), source="VIX close") for feature in VIX)
    in_percent = (replace(c, unit="percent") if c.unit == "price" else c for c in columns)
    return Chapter("Columns: VIX", text, columns=tuple(in_percent))


def _macro() -> Chapter:
    """No macro series is bundled: there is nothing to compute statistics of."""
    columns = [
        # The observations that it needs lie before the first session.
        replace(_column(feature), source=series, warmup=0)
        for series, features in MACRO.items()
        for feature in features
    ]
    spread = replace(columns[0], name=TERM_SPREAD, formula="DGS10 - DGS2", source="DGS10, DGS2")
    rows = tuple((series, *said) for series, said in FRED.items())
    text = (
        "Universes with `fred` have these columns. A session sees a value from the day on "
        "which it had surely been published. FRED gives the latest revision of a value, not "
        "the one of that day. Changes are those between the series' own observations, which "
        "begin before the first session."
    )
    return Chapter(
        "Columns: macro",
        text,
        (Table(("series", "what", "may be used"), rows),),
        (*columns, spread),
    )


def _column(feature: Feature, inputs: pd.DataFrame | None = None, tier: str = "") -> Column:
    return Column(
        name=feature.name,
        type="double",
        formula=_plain(feature.formula),
        source=", ".join(feature.inputs),
        unit=feature.unit,
        rule=(feature.rule.__doc__ or "").removeprefix("Return ").removesuffix("."),
        tier=tier,
        warmup=feature.warmup,
        statistics=None if inputs is None else _statistics(inputs[feature.name]),
    )


def _plain(formula: str) -> str:
    """Leave out a mean of one, and the plural of one."""
    return re.sub(r"\b1 (bar|month)s\b", r"1 \1", formula).removeprefix("mean of 1 of ")


def _statistics(values: pd.Series) -> pd.Series:
    """Describe a column; what is 0 but for rounding is 0, and the same on every machine."""
    described: pd.Series = values.describe()[list(STATISTICS)]
    return described.where(described.abs() > ROUNDING, 0.0)


if __name__ == "__main__":
    PATH.write_text(dictionary_text(), encoding="utf-8")
