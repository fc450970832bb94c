"""Valid bars, and the digest of their values."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finscale.config import DataError
from finscale.market import COLUMNS, bars_sha256, validate_bars
from finscale.market.sources.csv import csv_bars
from finscale.market.sources.parquet import parquet_bars

Edit = Callable[[pd.DataFrame], pd.DataFrame]


def three_bars() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "open": [10.0, 11.0, 12.0],
            "high": [11.0, 12.0, 13.0],
            "low": [9.0, 10.0, 11.0],
            "close": [10.5, 11.5, 12.5],
            "volume": [100.0, 0.0, 300.0],
        },
        index=pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-05"], name="date"),
    )


def put(column: str, row: int, value: float) -> Edit:
    def edit(bars: pd.DataFrame) -> pd.DataFrame:
        bars.iloc[row, bars.columns.get_loc(column)] = value
        return bars

    return edit


def at(counts: int | list[int], unit: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.atleast_1d(counts).astype(f"datetime64[{unit}]"))


def test_valid_bars_come_back_in_canonical_form() -> None:
    given = three_bars().astype({"volume": "int64"})[list(reversed(COLUMNS))]
    given["adj close"] = 1.0
    given.index = given.index.as_unit("s").rename("Date")
    bars = validate_bars(given, "here")
    pd.testing.assert_frame_equal(bars, three_bars())
    assert tuple(bars.columns) == COLUMNS
    assert (bars.dtypes == np.float64).all()
    assert bars.index.dtype == "datetime64[us]" and bars.index.name == "date"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda b: b.drop(columns=["low", "volume"]), "got no low"),
        (lambda b: b.iloc[:1], "at least 2 bars; got 1"),
        (lambda b: b.iloc[:0], "at least 2 bars; got 0"),
        (lambda b: b.reset_index(drop=True), "an index of session dates"),
        (lambda b: b.tz_localize("America/New_York"), "got zone America/New_York"),
        (lambda b: b.set_axis(b.index[:2].append(pd.DatetimeIndex([pd.NaT]))), "none in row 3"),
        (lambda b: b.set_axis(b.index + pd.Timedelta(hours=5)), "got 2024-01-02 05:00:00"),
        (
            lambda b: b.iloc[::-1],
            "2024-01-03 after a later date. Sort the rows by date, the oldest",
        ),
        (lambda b: b.iloc[[0, 1, 1, 2]], "got 2024-01-03 twice"),
        (put("open", 2, np.nan), "got open nan on 2024-01-05"),
        (put("volume", 1, np.inf), "got volume inf on 2024-01-03"),
        (put("high", 2, 1e101), "a number, 1e+100 at most; got high 1e+101 on 2024-01-05"),
        (put("low", 0, 1e-150), "low of 0, or 1e-100 at least; got low 1e-150 on 2024-01-02"),
        (put("volume", 2, 3e-300), "volume of 0, or 1e-100 at least; got volume 3e-300"),
        (put("close", 1, 5e-324), "close of 0, or 1e-100 at least"),
        (
            lambda b: b.set_axis(pd.DatetimeIndex(["1677-09-22", *b.index[1:]])),
            "dates from 1700-01-01 to 2200-12-31; got 1677-09-22 in row 1. Correct the unit",
        ),
        (
            lambda b: b.set_axis(b.index[:2].append(at(np.iinfo(np.int64).max // 2, "us"))),
            "in row 3. Correct the unit of the dates (s, ms, us, ns)",
        ),
        (lambda b: b.set_axis(at([1 - 2**63, 5, 9], "ns")), "got 1677-09-21 in row 1"),
        (lambda b: b.set_axis(at([1, 2, 3], "s") - pd.Timedelta(days=719_162)), "got 0001-01-01"),
        (put("low", 0, 0.0), "low above 0; got low 0 on 2024-01-02"),
        (put("close", 1, -3.0), "close above 0; got close -3 on 2024-01-03"),
        (put("volume", 2, -1.0), "volume of 0 or more; got volume -1 on 2024-01-05"),
        (put("high", 1, 9.5), "high >= low; got high 9.5, low 10 on 2024-01-03"),
        (put("high", 1, 11.25), "high >= open and close; got high 11.25, open 11, close 11.5"),
        (put("low", 2, 12.25), "low <= open and close; got low 12.25, open 12, close 12.5"),
    ],
)
def test_each_fault_is_named_in_one_line(edit: Edit, says: str) -> None:
    with pytest.raises(DataError) as caught:
        validate_bars(edit(three_bars()), "SPY of source csv")
    assert caught.value.line.startswith("SPY of source csv: expected ")
    assert says in caught.value.line
    assert "\n" not in caught.value.line


def test_prices_may_miss_each_other_by_rounding_only() -> None:
    near = put("high", 0, 10.5 * (1 - 5e-7))(put("open", 0, 10.0)(three_bars()))
    assert validate_bars(near, "here")["high"].iat[0] == 10.5 * (1 - 5e-7)
    with pytest.raises(DataError, match="high >= open and close"):
        validate_bars(put("high", 0, 10.5 * (1 - 2e-6))(three_bars()), "here")


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        # A high of four digits beside an open of cents, and the other way round.
        ("92.64,92.6382,91.1234,92.0001", ""),
        ("92.0001,92.63,91.1234,92.6382", ""),
        ("92.6382,92.9999,92.65,92.6400", "low"),
        ("92.64,92.9999,92.6482,92.7001", ""),
        # As precise as they are printed, zeros too: a cent excuses a cent.
        ("92.64,92.6200,91.1234,92.0001", "high"),
        ("92.6400,92.6382,91.1234,92.0001", "high"),
        ("92.6382,92.00,91.1234,91.5000", "high"),
        # A whole number is as coarse as that, up to 5 % of the price.
        ("93,92.6,92.1,92.4", ""),
        ("3,2.5,2.2,2.4", "high"),
        ("0.0013,0.00125,0.0012,0.00125", ""),
        # What a float prints with an exponent is no rounded price.
        ("9.3e1,92.6,92.1,92.4", "high"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_price_may_miss_another_by_the_coarsest_printed_unit_of_its_row(
    tmp_path: Path, row: str, broken: str, kind: str
) -> None:
    text = f"Date,Open,High,Low,Close\n2024-01-02,90.01,95.01,89.01,91.01\n2024-01-03,{row}\n"
    if kind == "csv":
        (tmp_path / "ABC.csv").write_text(text)
        fetched = csv_bars(tmp_path, "ABC")
    else:
        table = pd.read_csv(io.StringIO(text), dtype=str)  # as text: floats print no zeros
        table.to_parquet(tmp_path / "ABC.parquet")
        fetched = parquet_bars(tmp_path, "ABC")
    if not broken:
        bars = validate_bars(fetched.frame, fetched.where, rows=fetched.rows)
        assert bars["open"].iat[1] == float(row.split(",")[0])
        return
    with pytest.raises(DataError) as caught:
        validate_bars(fetched.frame, fetched.where, rows=fetched.rows)
    place = "line 3" if kind == "csv" else "row 2"
    assert caught.value.line.startswith(f"{tmp_path}/ABC.{kind}: expected {broken} ")
    assert f" on 2024-01-03 in {place}. Correct" in caught.value.line
    assert f"got {broken} " in caught.value.line and ", open " in caught.value.line


def test_floats_of_a_file_are_as_coarse_as_they_print(tmp_path: Path) -> None:
    frame = three_bars().assign(open=[10.0, 11.64, 12.0], high=[11.0, 11.6382, 13.0])
    frame.to_parquet(tmp_path / "ABC.parquet")
    fetched = parquet_bars(tmp_path, "ABC")
    assert validate_bars(fetched.frame, fetched.where, rows=fetched.rows)["high"].iat[1] == 11.6382
    with pytest.raises(DataError, match=r"high 11\.6382, open 11\.64, close 11\.5 on 2024-01-03\."):
        validate_bars(frame, "computed, as Yahoo's adjusted prices are")


def test_digest_is_of_dates_and_values_written_out() -> None:
    # 2024-01-02 is day 19,724 since 1970-01-01.
    days = struct.pack("<3q", 19_724, 19_725, 19_727)
    rows = [
        (10.0, 11.0, 9.0, 10.5, 100.0),
        (11.0, 12.0, 10.0, 11.5, 0.0),
        (12.0, 13.0, 11.0, 12.5, 300.0),
    ]
    values = b"".join(struct.pack("<5d", *row) for row in rows)
    head = b"bars open high low close volume 3\n"
    expected = hashlib.sha256(head + days + values).hexdigest()
    assert bars_sha256(three_bars(), date(2024, 1, 5)) == expected


def test_digest_sees_nothing_after_the_end_and_everything_before() -> None:
    bars = three_bars()
    short = bars_sha256(bars, date(2024, 1, 4))
    assert short == bars_sha256(bars.iloc[:2], date(2030, 1, 1))
    assert short == bars_sha256(put("close", 2, 12.75)(three_bars()), date(2024, 1, 4))
    assert short == bars_sha256(put("volume", 1, -0.0)(three_bars()), date(2024, 1, 4))
    assert short != bars_sha256(bars, date(2024, 1, 5))
    assert short != bars_sha256(put("close", 1, np.nextafter(11.5, 12))(bars), date(2024, 1, 4))


def test_digest_does_not_depend_on_the_index_unit() -> None:
    bars = three_bars()
    other = bars.set_axis(bars.index.as_unit("ns"))
    assert bars_sha256(bars, date(2024, 1, 5)) == bars_sha256(other, date(2024, 1, 5))


def test_an_instrument_that_is_not_traded_may_come_without_volumes() -> None:
    for bars in (three_bars().drop(columns="volume"), three_bars().assign(volume=np.nan)):
        assert validate_bars(bars, "here")["volume"].to_list() == [0.0, 0.0, 0.0]
    with pytest.raises(DataError, match="got volume nan on 2024-01-03"):
        validate_bars(put("volume", 1, np.nan)(three_bars()), "here")


def test_rates_may_be_zero_or_negative_and_keep_their_order() -> None:
    rates = three_bars() - 11.0
    assert validate_bars(rates.assign(volume=0.0), "here", positive=False)["close"].iat[0] == -0.5
    with pytest.raises(DataError, match="open above 0"):
        validate_bars(rates.assign(volume=0.0), "here")
    flat = three_bars() * 0.0 - 3.0
    assert len(validate_bars(flat.assign(volume=0.0), "here", positive=False)) == 3
    with pytest.raises(DataError, match="high >= low; got high -4, low -2 on 2024-01-02"):
        low = put("high", 0, -4.0)(rates)
        validate_bars(low.assign(volume=0.0), "here", positive=False)
