"""A user's own CSV and Parquet files: columns by lenient names, faults by row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finscale.config import ConfigError, DataError
from finscale.market import validate_bars
from finscale.market.rows import Fetched
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.parquet import parquet_bars

DAYS = ["2024-01-02", "2024-01-03"]
HEADER = "Date,Open,High,Low,Close,Volume\n"
ROWS = "2024-01-02,10,11,9,10.5,100\n2024-01-03,11,12,10,11.5,200\n"


def table(**columns: object) -> pd.DataFrame:
    usual = {
        "Date": pd.to_datetime(DAYS),
        "Open": [10.0, 11.0],
        "High": [11.0, 12.0],
        "Low": [9.0, 10.0],
        "Close": [10.5, 11.5],
        "Volume": [100, 200],
    }
    return pd.DataFrame(usual | columns)


def read_parquet(folder: Path, frame: pd.DataFrame) -> pd.DataFrame:
    frame.to_parquet(folder / "ABC.parquet")
    return parquet_bars(folder, "ABC").frame


def read_csv(folder: Path, text: str) -> pd.DataFrame:
    (folder / "ABC.csv").write_text(text, encoding="utf-8")
    return csv_bars(folder, "ABC").frame


def assert_usual(frame: pd.DataFrame) -> None:
    bars = validate_bars(frame, "ABC")
    assert [str(day.date()) for day in bars.index] == DAYS
    assert bars["close"].to_list() == [10.5, 11.5]
    assert bars["volume"].to_list() == [100.0, 200.0]


@pytest.mark.parametrize("date_name", ["Date", "date", "timestamp", "Datetime", " DATE "])
@pytest.mark.parametrize("volume_name", ["Volume", "Vol", "vol", "VOLUME"])
def test_csv_names_are_lenient(tmp_path: Path, date_name: str, volume_name: str) -> None:
    header = HEADER.replace("Date", date_name).replace("Volume", volume_name)
    assert_usual(read_csv(tmp_path, header + ROWS))


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "AdjClose", "Adj. Close", "adj-close"])
def test_an_adjusted_close_serves_without_a_close(tmp_path: Path, name: str) -> None:
    assert_usual(read_csv(tmp_path, HEADER.replace("Close", name) + ROWS))
    assert_usual(read_parquet(tmp_path, table().rename(columns={"Close": name})))


@pytest.mark.parametrize(
    "first", ["2024-01-02", "20240102", "2024-01-02 00:00:00-05:00", "2024-01-02T21:00Z"]
)
def test_csv_dates_count_as_the_day_they_name(tmp_path: Path, first: str) -> None:
    assert_usual(read_csv(tmp_path, HEADER + ROWS.replace("2024-01-02", first)))


@pytest.mark.parametrize(
    "frame",
    [
        table(),
        table().set_index("Date"),
        table().set_index("Date").rename_axis(None),
        table().set_index("Date").rename_axis("timestamp"),
        table().set_index("Date").rename_axis("session"),
        table().set_index(pd.DatetimeIndex(DAYS)),
        table().set_index(pd.Index(["first", "second"], name="note")),
        table(Date=DAYS),
        table(Date=[date(2024, 1, 2), date(2024, 1, 3)]),
        table(Date=[20240102, 20240103]),
        table(Date=pd.to_datetime(DAYS) + pd.Timedelta(hours=16)),
        # Midnight in New York is another day in London, and four in the afternoon is not.
        table(Date=pd.to_datetime(DAYS).tz_localize("America/New_York")),
        table(Date=(pd.to_datetime(DAYS) + pd.Timedelta(hours=1)).tz_localize("Asia/Tokyo")),
        table(Volume=[100.0, 200.0]),
        table(Close=[Decimal("10.5"), Decimal("11.5")]),
        table(Close=["10.5", "11.5"], Open=pd.array([10, 11], dtype="Int64")),
        table(Open=np.array([10, 11], dtype="int32"), High=np.array([11, 12], dtype="float32")),
        table(Note=["split", None]),
    ],
    ids=range(18),
)
def test_parquet_of_many_kinds_is_read(tmp_path: Path, frame: pd.DataFrame) -> None:
    assert_usual(read_parquet(tmp_path, frame))


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (table(Close=[10.5, np.nan]), "a number in close; got nothing in row 2. Correct or"),
        (table(Close=["10.5", "ten"]), "a number in close; got 'ten' in row 2"),
        (table(Open=[[1.0], [2.0]]), r"a number in open; got '\[1.\]' in row 1"),
        (table(Date=["2024-01-02", "03/01/2024"]), "2024-01-31; got '03/01/2024' in row 2"),
        (table(Date=[1704153600, 1704240060]), "midnights in UTC; got '1704240060' in row 2"),
        (table(Date=[pd.Timestamp("2024-01-02"), None]), "2024-01-31; got nothing in row 2"),
        (table(date=DAYS), "each column once; got Date and date, both date"),
        (table(Timestamp=DAYS), "each column once; got Date and Timestamp, both date"),
        (table().set_index("Date", drop=False), "each column once; got Date and Date, both date"),
        (table(Date=[None, None]), "2024-01-31; got nothing in row 1"),
        (table(Vol=[1, 2]), "each column once; got Volume and Vol, both volume"),
        (table().drop(columns="Date"), "a column Date; got columns open, high, low, close, volume"),
    ],
)
def test_parquet_faults_are_named_by_row(tmp_path: Path, frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_parquet(tmp_path, frame)
    assert "ABC.parquet" in caught.value.line and "\n" not in caught.value.line


@pytest.mark.parametrize("twice", ["Date,Date,Open", "Date,datetime,Open", "Date,Open,OPEN"])
def test_a_csv_column_that_stands_there_twice_is_refused(tmp_path: Path, twice: str) -> None:
    with pytest.raises(DataError, match="each column once; got"):
        read_csv(tmp_path, f"{twice}\n2024-01-02,2024-01-02,1\n")


def test_a_file_that_is_no_parquet_is_one_line(tmp_path: Path) -> None:
    for content in (b"", b"Date,Open\n", b"PAR1 and then nothing"):
        (tmp_path / "ABC.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"ABC\.parquet: expected a Parquet file") as caught:
            parquet_bars(tmp_path, "ABC")
        assert "\n" not in caught.value.line


Reader = Callable[[Path, str], Fetched]


@pytest.mark.parametrize(("read", "suffix"), [(csv_bars, ".csv"), (parquet_bars, ".parquet")])
def test_the_caret_of_an_index_may_be_left_out(tmp_path: Path, read: Reader, suffix: str) -> None:
    with pytest.raises(DataError, match=r"\^ABC\..*no such file"):
        read(tmp_path, "^ABC")
    if suffix == ".csv":
        (tmp_path / "ABC.csv").write_text(HEADER + ROWS)
    else:
        table().to_parquet(tmp_path / "ABC.parquet")
    assert_usual(read(tmp_path, "^ABC").frame)


@pytest.mark.parametrize("read", [csv_bars, parquet_bars])
@pytest.mark.parametrize("ticker", ["../ABC", "/ABC", "NUL", "A" * 300])
def test_a_ticker_that_is_a_path_is_not_followed(tmp_path: Path, read: Reader, ticker: str) -> None:
    (tmp_path / "ABC.csv").write_text(HEADER + ROWS)
    (tmp_path / "bars").mkdir()
    with pytest.raises(ConfigError, match="tickers of letters"):
        read(tmp_path / "bars", ticker)


def test_an_index_without_volumes_has_none(tmp_path: Path) -> None:
    without = "Date,Open,High,Low,Close\n2024-01-02,1,1,1,1\n2024-01-03,2,2,2,2\n"
    empty = HEADER + "2024-01-02,1,1,1,1,\n2024-01-03,2,2,2,2,\n"
    for text in (without, empty):
        assert validate_bars(read_csv(tmp_path, text), "ABC")["volume"].to_list() == [0.0, 0.0]
    with pytest.raises(DataError, match="a number in volume; got nothing in line 3"):
        read_csv(tmp_path, HEADER + ROWS.replace(",200", ","))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("", "at least 2 bars; got 0"),
        (ROWS[:28], "at least 2 bars; got 1"),
        (ROWS + "2024-01-02,1,1,1,1,1\n", "2024-01-02 after a later date"),
        ("2024-01-03,1,1,1,1,1\n2024-01-03,1,1,1,1,1\n", "2024-01-03 twice"),
        (ROWS.replace("12,10,", "9,10,"), "high >= low; got high 9, low 10"),
        (ROWS.replace("11.5", "-11.5"), "close above 0; got close -11.5"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_bars_that_cannot_be_are_refused(tmp_path: Path, rows: str, says: str, kind: str) -> None:
    frame = read_csv(tmp_path, HEADER + rows)
    if kind == "parquet":
        frame = read_parquet(tmp_path, frame)
    with pytest.raises(DataError, match=says):
        validate_bars(frame, "ABC")
