"""Page on prepared data: quality of the bars, drift of the features, and an overview figure."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from finscale.report.figures import BLACK, BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SLATE
from finscale.report.pages import DASH, Drawing, Table, embedded_png, render_template, show

# Number of tickers in the legend; a longer legend would cover the chart.
N_NAMED = 8
N_DRIFTED = 20
TRADING_DAYS = 252
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, BROWN, SLATE)
# Background colours of training, validation and test.
_PARTS = ("#ffffff", "#fdf3e1", "#eef4f9")


@dataclass(frozen=True, eq=False)
class DataReport:
    """Content of the page on prepared data.

    Attributes
    ----------
    bars : mapping of ticker to DataFrame
        Daily bars of all tickers, including the target.
    quality : DataFrame
        Counts of unusual sessions, one row per ticker (`finscale.market.quality_frame`).
    marks : DataFrame of bool
        Unusual sessions of the target by kind (`finscale.market.quality_marks`).
    drift : DataFrame
        Drift of the inputs, one row per column (`finscale.dataset.drift_report`).
    lines : tuple of str
        Lines that describe the prepared files.
    dates : DataFrame
        First dates of unusual sessions by kind (`finscale.market.quality_dates`).
    jumps : DataFrame
        Suspicious moves of all tickers, with columns ticker, date, move, verdict.
    """

    title: str
    target: str
    bars: Mapping[str, pd.DataFrame]
    quality: pd.DataFrame
    marks: pd.DataFrame
    drift: pd.DataFrame
    train_end: date
    validation_end: date
    lines: tuple[str, ...]
    dates: pd.DataFrame = field(default_factory=pd.DataFrame)
    jumps: pd.DataFrame = field(default_factory=pd.DataFrame)


def render_data_html(report: DataReport, drawing: Drawing, picture: bytes) -> str:
    """Return the quality and drift report as one self-contained HTML page."""
    return render_template(
        "data.html.j2",
        report=report,
        figure_parts=embedded_png(drawing.caption, picture),
        quality=_quality_table(report.quality),
        dates=_dates_table(report.dates),
        jumps=Table(("ticker", "date", "move", "verdict"), _texts(report.jumps)),
        drift=_drift_table(report.drift),
        n_shifted=int(report.drift["has_shifted"].sum()) if len(report.drift) else 0,
    )


def overview_drawing(report: DataReport) -> Drawing:
    """Draw closes, volatility, volume and unusual sessions over the parts of the split."""
    figure = Figure(figsize=(10.0, 7.6), dpi=120, layout="constrained")
    panels = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2, 2, 1.6])
    figure.suptitle(report.title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=BLACK)
    target = report.bars[report.target]
    for axes in panels:
        _shade(axes, report, target)
    _closes(panels[0], report)
    _volatility(panels[1], target)
    _volume(panels[2], target)
    _events(panels[3], report.marks)
    return Drawing(
        figure,
        f"Closes relative to their first session (log scale). For {report.target}: annualised "
        "volatility over 20 sessions, volume relative to its mean over a year, and unusual "
        "sessions by kind. White: training; shaded: validation, then test.",
    )


def png(drawing: Drawing) -> bytes:
    """Return a drawing as the bytes of a PNG file."""
    buffer = io.BytesIO()
    drawing.figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _shade(axes: Axes, report: DataReport, target: pd.DataFrame) -> None:
    ends = [target.index[0], report.train_end, report.validation_end, target.index[-1]]
    days = [pd.Timestamp(end) for end in ends]
    for colour, begin, end in zip(_PARTS, days[:-1], days[1:], strict=True):
        if begin < end:
            across = axes.get_xaxis_transform()
            span = pd.DatetimeIndex([begin, end]).to_numpy()
            axes.fill_between(span, 0, 1, color=colour, transform=across, linewidth=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.margins(x=0)


def _closes(axes: Axes, report: DataReport) -> None:
    for number, (ticker, bars) in enumerate(report.bars.items()):
        is_target = ticker == report.target
        axes.plot(
            bars.index,
            bars["close"] / bars["close"].iloc[0],
            color=BLACK if is_target else _COLOURS[number % len(_COLOURS)],
            # After the last colour, the colours repeat with dashed lines.
            linestyle="-" if is_target or number < len(_COLOURS) else "--",
            linewidth=1.1 if is_target else 0.7,
            zorder=3 if is_target else 2,
            label=ticker if is_target or number < N_NAMED else f"_{ticker}",
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("close / first close", fontsize=8)
    axes.legend(fontsize=7, ncols=3, frameon=False, loc="upper left")


def _volatility(axes: Axes, bars: pd.DataFrame) -> None:
    returns = pd.Series(np.log(bars["close"]), index=bars.index).diff()
    percent = 100.0 * np.sqrt(TRADING_DAYS) * returns.rolling(20).std()
    axes.plot(bars.index, percent, color=BLUE, linewidth=0.8)
    axes.set_ylabel("volatility, %", fontsize=8)
    axes.set_ylim(bottom=0)


def _volume(axes: Axes, bars: pd.DataFrame) -> None:
    mean = bars["volume"].rolling(TRADING_DAYS, min_periods=20).mean()
    relative = (bars["volume"] / mean).where(mean > 0)
    axes.plot(bars.index, relative, color=GREEN, linewidth=0.5)
    axes.set_ylabel("volume / mean", fontsize=8)
    if not bool(relative.notna().any()):
        axes.text(0.5, 0.5, "no volume", transform=axes.transAxes, ha="center", color=GREY)


def _events(axes: Axes, marks: pd.DataFrame) -> None:
    for row, name in enumerate(reversed(marks.columns.to_list())):
        days = marks.index[marks[name].to_numpy()]
        axes.plot(days, np.full(len(days), row), "|", color=ORANGE, markersize=7, linewidth=0)
    labels = [f"{_title(str(name))} ({int(marks[name].sum()):,})" for name in marks.columns]
    axes.set_yticks(range(len(labels)), labels[::-1], fontsize=7)
    axes.set_ylim(-0.6, len(labels) - 0.4)


def _quality_table(quality: pd.DataFrame) -> Table:
    header = ("ticker", *(_title(str(name)) for name in quality.columns))
    rows = tuple(
        (str(ticker), *(_written(value) for value in row))
        for ticker, row in zip(quality.index, quality.itertuples(index=False), strict=True)
    )
    return Table(header, rows)


def _dates_table(dates: pd.DataFrame) -> Table:
    rows = tuple(
        (str(ticker), _title(str(kind)), f"{count:,}", ", ".join(map(str, days)))
        for ticker, kind, count, days in dates.itertuples(index=False)
    )
    return Table(("ticker", "what", "sessions", "the first of them"), rows)


def _texts(frame: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(map(str, row)) for row in frame.itertuples(index=False))


def _drift_table(drift: pd.DataFrame) -> Table:
    header = ("column", "median shift", "spread ratio", "PSI", "KS", "clipped", "shifted")
    rows = tuple(
        (
            str(name),
            show(row["median_shift"], "+.2f"),
            show(row["spread_ratio"], ".2f"),
            show(row["psi"], ".2f"),
            show(row["ks"], ".2f"),
            show(100.0 * row["clipped"], ".1f") + " %",
            "yes" if row["has_shifted"] else "",
        )
        for name, row in drift.head(N_DRIFTED).iterrows()
    )
    return Table(header, rows)


def _title(name: str) -> str:
    """Return a column's name for display."""
    return name.replace("open_is_close", "open_at_last_close").replace("_", " ")


def _written(value: object) -> str:
    if value is None:
        return DASH
    if isinstance(value, float):
        return show(value, ",.0f" if value.is_integer() else ".3g")
    return f"{value:,}" if isinstance(value, int) else str(value)
