"""The page and the figure of prepared data: what they say, and that they need nothing beside."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from finscale.market import quality_dates, quality_frame, quality_marks
from finscale.report import DataReport, overview_drawing, png, render_data_html
from finscale.report.figures.canvas import BLACK
from finscale.report.pages.table import DASH, MINUS

N = 307
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NINE = tuple(f"T{at}" for at in range(9))


def market(first_close: float, volume: float = 1009.0) -> pd.DataFrame:
    """Closes go up and down by 1 %, and double on the last session."""
    close = np.full(N, first_close)
    close[1::2] *= 1.01
    close[-1] = 2.02 * first_close
    prices = {"open": 0.999, "high": 1.002, "low": 0.997, "close": 1.0}
    index = pd.bdate_range("2019-01-01", periods=N, name="date")
    bars = pd.DataFrame({name: share * close for name, share in prices.items()}, index=index)
    return bars.assign(volume=volume)


def drifted(n: int) -> pd.DataFrame:
    """Columns c0, c1, ..., the most drifted first; seven have shifted."""
    return pd.DataFrame(
        {
            "median_shift": [-0.517 + at for at in range(n)],
            "spread_ratio": [float("nan"), *[1.237] * (n - 1)],
            "psi": [0.317 - at / 100 for at in range(n)],
            "ks": [0.139] * n,
            "clipped": [0.0123] * n,
            "has_shifted": [at < 7 for at in range(n)],
        },
        index=pd.Index([f"c{at}" for at in range(n)], name="column"),
    )


def report(
    *tickers: str, target: str = "", volume: float = 1009.0, drift: pd.DataFrame | None = None
) -> DataReport:
    bars = {ticker: market(101.0 * (at + 1), volume) for at, ticker in enumerate(tickers)}
    target = target or tickers[0]
    return DataReport(
        title="Data of made, daily bars, tier a20",
        target=target,
        bars=bars,
        quality=quality_frame(bars),
        marks=quality_marks(bars[target]),
        drift=drifted(23) if drift is None else drift,
        train_end=date(2019, 7, 31),
        validation_end=date(2019, 11, 29),
        lines=("AAA: 307 sessions", "dataset 0123"),
    )


def page(made: DataReport) -> str:
    drawing = overview_drawing(made)
    return render_data_html(made, drawing, png(drawing))


def table(html: str, caption: str) -> list[list[str]]:
    """Return header and rows of the table below a caption."""
    found = re.search(rf'class="caption">{caption}.*?(<table>.*?</table>)', html, re.S)
    assert found is not None
    rows = re.findall(r"<tr>(.*?)</tr>", found.group(1), re.S)
    return [[cell.strip() for cell in re.findall(r"<t[dh].*?>(.*?)</t", row)] for row in rows]


def named(made: DataReport) -> list[str]:
    legend = overview_drawing(made).figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_the_quality_table_has_a_row_a_ticker() -> None:
    header, first, second = table(page(report("AAA", "BBB")), "Daily bars, one row per ticker")
    assert header[:4] == ["ticker", "rows", "first", "last"]
    said = dict(zip(header, first, strict=True))
    # 307 weekdays from the first of January 2019: 61 weeks and two days.
    assert (said["rows"], said["first"], said["last"]) == ("307", "2019-01-01", "2020-03-04")
    # The last session alone: its close is 2.02 / 1.01 times the one before.
    assert (said["outliers"], said["splits"], said["zero volume"]) == ("1", "1", "0")
    assert said["open at last close"] == said["open at last close share"] == "0"
    assert said["open at last close until"] == DASH
    assert second == ["BBB", *first[1:]]


def test_the_drift_table_has_the_twenty_most_drifted_columns() -> None:
    html = page(report("AAA"))
    header, *rows = table(html, "Columns of the target with the largest drift")
    assert header == [
        "column", "median shift", "spread ratio", "PSI", "KS", "clipped", "shifted",
    ]  # fmt: skip
    assert [row[0] for row in rows] == [f"c{at}" for at in range(20)]
    assert rows[0][1:] == [f"{MINUS}0.52", DASH, "0.32", "0.14", "1.2 %", "yes"]
    assert rows[7][1:] == ["+6.48", "1.24", "0.25", "0.14", "1.2 %", ""]
    # Of all columns, not of the twenty.
    assert "<p>7 of 23 columns have shifted" in html


def test_without_rows_to_compare_the_page_says_so() -> None:
    html = page(report("AAA", drift=pd.DataFrame()))
    assert "nothing can be compared" in html
    assert "have shifted" not in html and "most drifted" not in html


def test_the_page_holds_everything_itself() -> None:
    made = report("AAA", "BBB")
    html = page(made)
    addresses = re.findall(r'(?:src|href)="(.{0,30})', html)
    assert addresses and all(each.startswith("data:image/png;base64,") for each in addresses)
    assert not re.search(r"https?:|url\(|@import|<script|<link", html)
    assert made.title in html and "AAA: 307 sessions\ndataset 0123" in html


def test_what_a_ticker_is_called_is_no_html() -> None:
    html = page(report("<b>", "&amp"))
    assert "<b>" not in html and "For &lt;b&gt;: annualised" in html
    _, first, second = table(html, "Daily bars, one row per ticker")
    assert (first[0], second[0]) == ("&lt;b&gt;", "&amp;amp")


@pytest.mark.parametrize("tickers", [("AAA",), NINE], ids=["one", "nine"])
def test_the_figure_is_a_png_with_a_line_a_ticker(tickers: tuple[str, ...]) -> None:
    made = report(*tickers)
    drawing = overview_drawing(made)
    lines = drawing.figure.axes[0].get_lines()
    assert png(drawing).startswith(SIGNATURE)
    assert len(lines) == len(tickers)
    # Relative to their own first close all are alike.
    for line in lines:
        np.testing.assert_allclose(np.asarray(line.get_ydata())[[0, 1, -1]], [1.0, 1.01, 2.02])
    assert [line.get_color() == BLACK for line in lines] == [True] + [False] * (len(tickers) - 1)
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(tickers)


@pytest.mark.parametrize(
    ("tickers", "target", "names"),
    [
        (("AAA",), "AAA", ["AAA"]),
        (NINE[:8], "T7", list(NINE[:8])),
        (NINE, "T0", list(NINE[:8])),
        ((*NINE, "T9"), "T9", [*NINE[:8], "T9"]),
    ],
)
def test_the_legend_names_the_target_and_the_first_eight(
    tickers: tuple[str, ...], target: str, names: list[str]
) -> None:
    assert named(report(*tickers, target=target)) == names


def test_the_scale_of_closes_is_in_plain_numbers() -> None:
    figure = overview_drawing(report("AAA")).figure
    figure.canvas.draw()
    low, high = figure.axes[0].get_ylim()
    ticks = zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels(), strict=True)
    assert [label.get_text() for at, label in ticks if low <= at <= high] == ["1", "1.5", "2"]


def test_volume_is_shown_over_its_mean_or_said_to_be_missing() -> None:
    traded, none = (report("AAA", volume=volume) for volume in (1009.0, 0.0))
    panels = [overview_drawing(made).figure.axes[2] for made in (traded, none)]
    (line,), (nothing,) = (panel.get_lines() for panel in panels)
    relative = np.asarray(line.get_ydata())
    assert np.isnan(relative[:19]).all() and (relative[19:] == 1.0).all()
    assert np.isnan(np.asarray(nothing.get_ydata())).all()
    assert [[text.get_text() for text in panel.texts] for panel in panels] == [[], ["no volume"]]
    header, row = table(page(none), "Daily bars, one row per ticker")
    assert row[header.index("zero volume")] == "307"


def test_odd_sessions_are_counted_below_and_stand_on_their_days() -> None:
    made = report("AAA")
    panel = overview_drawing(made).figure.axes[3]
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert len(labels) == len(made.marks.columns)
    at = next(row for row, label in enumerate(labels) if label.startswith("split"))
    assert labels[at].endswith("(1)")
    line = panel.get_lines()[at]
    assert list(np.asarray(line.get_ydata())) == [at]
    assert pd.DatetimeIndex(np.asarray(line.get_xdata())) == made.marks.index[-1:]


def test_volatility_is_a_year_s_worth_in_per_cent() -> None:
    (line,) = overview_drawing(report("AAA")).figure.axes[1].get_lines()
    percent = np.asarray(line.get_ydata())
    # Ten returns of +ln 1.01 and ten of -ln 1.01: variance 20 / 19 of ln(1.01)^2.
    assert percent[20] == pytest.approx(100 * np.sqrt(252 * 20 / 19) * np.log(1.01), rel=1e-9)
    assert np.isnan(percent[:20]).all()


def test_dates_of_what_is_odd_and_suspicious_moves_have_tables_of_their_own() -> None:
    bars = {"AAA": market(101.0)}
    made = replace(
        report("AAA"),
        dates=quality_dates(bars),
        jumps=pd.DataFrame(
            [("AAA", date(2020, 3, 4), "close 1 <b>", "to be checked")],
            columns=["ticker", "date", "move", "verdict"],
        ),
    )
    html = page(made)
    header, *rows = table(html, "The first sessions of each kind")
    assert header == ["ticker", "what", "sessions", "the first of them"]
    assert ["AAA", "outliers", "1", "2020-03-04"] in rows
    assert ["AAA", "splits", "1", "2020-03-04"] in rows
    _, move = table(html, "Moves that look like a split, a change of unit or a misprint")
    assert move == ["AAA", "2020-03-04", "close 1 &lt;b&gt;", "to be checked"]
    plain = page(report("AAA"))
    assert "Moves that look like" not in plain and "The first sessions" not in plain
