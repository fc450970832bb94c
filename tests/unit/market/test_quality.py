"""Oddities of bars are counted and dated, by hand-made ones."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from finscale.market import quality_frame, quality_report
from finscale.market.quality import Found
from finscale.market.sources.bundled import bundled_bars

N = 131


def plain(n: int = N) -> pd.DataFrame:
    """Bars without an oddity: closes go up and down by 1 %, opens lie between."""
    index = pd.bdate_range("2024-01-01", periods=n, name="date")
    close = np.where(np.arange(n) % 2 == 0, 100.0, 101.0)
    frame = {"open": 100.5, "high": 102.0, "low": 99.0, "close": close, "volume": 7.0}
    return pd.DataFrame(frame, index=index)


def days(frame: pd.DataFrame, *rows: int) -> tuple[date, ...]:
    return tuple(frame.index[row].date() for row in rows)


def test_plain_bars_have_no_oddity() -> None:
    quality = quality_report(plain())
    assert (quality.rows, str(quality.first), str(quality.last)) == (N, "2024-01-01", "2024-07-01")
    none = Found(0)
    assert quality.gaps == quality.zero_volume == quality.flat == quality.open_is_close == none
    assert quality.outliers == quality.splits == quality.repeated_closes == none
    assert quality.longest_gap == 0 and quality.open_is_close_until is None
    assert quality.open_is_close_share == 0.0


def test_gaps_are_weekdays_without_a_session() -> None:
    bars = plain()
    # Four weekdays in a row are a holiday; five (Monday to Friday of the 22nd) are a gap.
    quality = quality_report(bars.drop(bars.index[[5, 6, 7, 8, 15, 16, 17, 18, 19]]))
    assert quality.gaps == Found(1, (date(2024, 1, 19),)) and quality.longest_gap == 5
    short = quality_report(bars.drop(bars.index[[5, 6, 7, 8]]))
    assert short.gaps == Found(0) and short.longest_gap == 4


def test_days_without_trade_or_range_are_counted_and_the_first_five_dated() -> None:
    bars = plain()
    bars.iloc[3:10, bars.columns.get_loc("volume")] = 0.0
    bars.iloc[11, :4] = 100.0
    quality = quality_report(bars)
    assert quality.zero_volume == Found(7, days(bars, 3, 4, 5, 6, 7))
    assert quality.flat == Found(1, days(bars, 11))


def test_opens_that_repeat_the_close_are_a_habit_until_they_are_not() -> None:
    bars = plain()
    bars.iloc[1:71, 0] = bars["close"].to_numpy()[0:70]
    quality = quality_report(bars)
    assert quality.open_is_close == Found(70, days(bars, 1, 2, 3, 4, 5))
    assert quality.open_is_close_share == 70 / 130
    # Of rows 41 to 100 thirty repeat the close, of rows 42 to 101 twenty-nine.
    assert quality.open_is_close_until == bars.index[100].date()


@pytest.mark.parametrize(
    ("ratio", "is_outlier", "is_split"),
    [
        (1.05, False, False),
        (1.15, False, False),
        (1.17, True, False),
        (2.0, True, True),
        (2.03, True, True),
        (2.08, True, False),
        (1 / 3, True, True),
        (0.1, True, True),
        (0.05 * 1.019, True, True),
        (6.0, True, True),
        (5.5, True, False),
        (0.01, True, True),
    ],
)
def test_a_jump_is_an_outlier_and_some_look_like_splits(
    ratio: float, is_outlier: bool, is_split: bool
) -> None:
    """The usual move is 1.4826 times 1 %: ten of them are 16 % up or 14 % down."""
    bars = plain()
    # From row 61 on everything is on another scale; that day itself would have moved by +1 %.
    bars.iloc[61:, :4] *= ratio / 1.01
    quality = quality_report(bars)
    jump = Found(1, days(bars, 61))
    assert quality.outliers == (jump if is_outlier else Found(0))
    assert quality.splits == (jump if is_split else Found(0))


def test_a_series_that_stands_still_has_runs_and_no_outliers() -> None:
    bars = plain()
    bars.iloc[20:25, 3] = 100.5
    bars.iloc[40:44, 3] = 100.5
    quality = quality_report(bars)
    assert quality.repeated_closes == Found(1, days(bars, 20))
    still = plain().assign(close=100.0)
    still.iloc[77, 3] = 200.0
    quality = quality_report(still)
    assert quality.outliers == quality.splits == Found(0)
    assert quality.repeated_closes == Found(2, days(still, 0, 78))


def test_rates_have_no_log_returns() -> None:
    rates = plain() - 100.0
    quality = quality_report(rates)
    assert quality.outliers == Found(0) and quality.splits == Found(0)


def test_the_bundled_index_opens_at_the_close_before() -> None:
    gspc = bundled_bars("^GSPC")
    quality = quality_report(gspc)
    before = quality_report(gspc.loc[:"2006-12-31"])
    assert before.open_is_close_share == pytest.approx(0.9, abs=0.02)
    assert quality.open_is_close.count == 2004 and quality.longest_gap == 4  # September 2001
    assert date(2008, 10, 13) in quality.outliers.dates


def test_the_frame_has_one_row_a_ticker() -> None:
    frame = quality_frame({"A": plain(), "B": plain(17).assign(volume=0.0)})
    assert frame.index.to_list() == ["A", "B"] and frame.index.name == "ticker"
    assert frame["rows"].to_list() == [N, 17] and frame["zero_volume"].to_list() == [0, 17]
    assert str(frame.loc["B", "last"]) == "2024-01-23"
    assert "open_is_close_share" in frame.columns
