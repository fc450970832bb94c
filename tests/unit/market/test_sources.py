"""The sources that need no network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from finscale.config import DataError
from finscale.market import validate_bars
from finscale.market.sources.bundled import bundled_bars
from finscale.market.sources.csv import csv_bars

HEADER = "Date,Open,High,Low,Close,Volume\n"
ROWS = "2024-01-02,10,11,9,10.5,100\n2024-01-03,11,12,10,11.5,200\n"


def write(folder: Path, text: str) -> Path:
    (folder / "ABC.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("ticker", "close"), [("^GSPC", 2506.850098), ("^IXIC", 6635.279785)])
def test_bundled_index_ends_where_the_market_did(ticker: str, close: float) -> None:
    bars = validate_bars(bundled_bars(ticker), ticker)
    assert (len(bars), str(bars.index[0].date())) == (5031, "1999-01-04")
    assert str(bars.index[-1].date()) == "2018-12-31"
    assert bars["close"].iat[-1] == pytest.approx(close, abs=1e-6)


def test_the_bundled_vix_has_closes_alone_and_no_holidays() -> None:
    bars = validate_bars(bundled_bars("^VIX"), "^VIX")
    assert len(bars) == 1305 - 46
    assert bars["close"].iloc[:3].to_list() == [13.76, 13.55, 12.92]
    assert (bars[["open", "high", "low"]].nunique(axis=1) == 1).all()
    assert (bars["open"] == bars["close"]).all() and (bars["volume"] == 0.0).all()


def test_bundled_knows_three_tickers_only() -> None:
    with pytest.raises(DataError, match=r"one of \^GSPC, \^IXIC, \^VIX; got 'SPY'"):
        bundled_bars("SPY")


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        HEADER.upper() + ROWS,
        " date , open , high,low,CLOSE,volume\n" + ROWS,
        "\ufeff" + HEADER + ROWS,
    ],
)
def test_csv_columns_are_found_in_any_case(tmp_path: Path, text: str) -> None:
    bars = validate_bars(csv_bars(write(tmp_path, text), "ABC").frame, "ABC")
    assert bars["close"].to_list() == [10.5, 11.5]
    assert bars["volume"].to_list() == [100.0, 200.0]
    assert [str(day.date()) for day in bars.index] == ["2024-01-02", "2024-01-03"]


def test_csv_adjusted_close_serves_only_without_a_close(tmp_path: Path) -> None:
    both = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,11,9,10.5,8,1\n"
    assert csv_bars(write(tmp_path, both), "ABC").frame["close"].to_list() == [10.5]
    alone = "Date,Open,High,Low,Adj Close,Volume\n2024-01-02,10,11,9,9.5,1\n"
    assert csv_bars(write(tmp_path, alone), "ABC").frame["close"].to_list() == [9.5]


def test_csv_without_a_column_is_left_to_the_validation(tmp_path: Path) -> None:
    frame = csv_bars(write(tmp_path, "Date,Open\n2024-01-02,10\n2024-01-03,10\n"), "ABC").frame
    assert isinstance(frame, pd.DataFrame)
    says = (
        r"open, high, low, close \(and volume, .* left out\); got no high, low, close beside open"
    )
    with pytest.raises(DataError, match=says):
        validate_bars(frame, "ABC")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a header line that names Date, Open, High, Low, Close (and Volume); got nothing"),
        ("Day,Open,Low\n2024-01-02,1,1\n", "a column Date; got columns day, open, low"),
        (HEADER + "2024-01-02,10,11,9,ten,100\n", "a number in close; got 'ten' in line 2"),
        (HEADER + ROWS + "2024-01-04,10,11,9,,100\n", "a number in close; got nothing in line 4"),
        (HEADER + "03/01/2024,10,11,9,10,100\n", "can be told apart; got '03/01/2024' in line 2"),
        ((HEADER + ROWS).replace(",", " "), "got one column, 'Date Open High Low Close Volume' in"),
        ("<html>Too many requests</html>", "columns with commas, semicolons, tabs or | between"),
        ("A;B\n1,5;2,5\n", "got 'A, B' in line 1. Put a header above the rows"),
        (HEADER + ROWS.replace("2024-", "24-"), "'24-01-02' in line 2, and 1 more. Dates are writ"),
        (HEADER + ROWS.replace("1,1", "1,x1"), "Numbers are written 1234.5: a decimal point, and"),
        (HEADER + ROWS + "2024-01-04,1,1,1,1,1,1,1\n", "6 cells in a row, as in the header; got 8"),
        (HEADER + '2024-01-02,"1,1,1,1,1\n', "a CSV file; got unexpected end of data in line 2"),
    ],
)
def test_csv_faults_are_named_by_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        csv_bars(write(tmp_path, text), "ABC")
    assert says in caught.value.line
    assert str(tmp_path / "ABC.csv") in caught.value.line
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("content", [b"PK\x03\x04 a workbook", b"\x1f\x8b\x08\0 compressed"])
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ABC.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a CSV file, which is text; got .*Save it as CSV"):
        csv_bars(tmp_path, "ABC")


@pytest.mark.parametrize("folder", ["~nobody-of-this-name/bars", "a" * 5000])
def test_a_folder_that_cannot_be_is_one_line(folder: str) -> None:
    with pytest.raises(DataError, match=r"a CSV file for each ticker; got .*correct the universe"):
        csv_bars(Path(folder), "ABC")


def test_a_csv_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder = write(tmp_path, HEADER + ROWS)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"ABC\.csv: expected a CSV file; .*Permission denied"):
        csv_bars(folder, "ABC")


def test_csv_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        csv_bars(tmp_path, "ABC")
