"""Parquet files as pandas, polars, Spark and pyarrow write them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.layout_case import NAMES, Case, Change, Put, of_tickers, rows_of


def _parquet(change: Change = lambda frame: frame) -> Put:
    return lambda path, frame: change(frame).to_parquet(path)


def _decimals(path: Path, frame: pd.DataFrame) -> None:
    """Write as Spark and databases do: decimal128, date32, no pandas beside."""
    columns = {
        name.lower(): pa.array([Decimal(str(v)) for v in frame[name]], pa.decimal128(18, 4))
        for name in NAMES[:4]
    }
    days = pa.array(frame.index.date, pa.date32())
    pq.write_table(pa.table({"date": days, **columns, "volume": frame["Volume"].to_numpy()}), path)


def _polars(path: Path, frame: pd.DataFrame) -> None:
    """Write as polars does: large strings, no pandas beside."""
    days = pa.array(frame.index.strftime("%Y-%m-%d").to_list(), pa.large_string())
    numbers = {name.lower(): frame[name].to_numpy() for name in NAMES}
    pq.write_table(
        pa.table({"symbol": pa.array(["ABC"] * 43).dictionary_encode(), "date": days, **numbers}),
        path,
    )


def _parts(*bounds: tuple[int, int]) -> Put:
    def put(path: Path, frame: pd.DataFrame) -> None:
        path.mkdir()
        (path / "_SUCCESS").touch()
        for number, (first, last) in enumerate(bounds):
            part = frame.iloc[first:last]
            part.reset_index().to_parquet(path / f"part-{number:05}.parquet")

    return put


def _hive(path: Path, frame: pd.DataFrame) -> None:
    table = frame.reset_index().assign(month=frame.index.month)
    table.to_parquet(path, partition_cols=["month"])


def _arrow(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index().convert_dtypes(dtype_backend="pyarrow")


PARQUETS = tuple(
    Case(case.name, case.put, ".parquet", case.says)
    for case in (
        Case("pandas, dates as the index", _parquet()),
        Case("pandas, dates as a column", _parquet(lambda f: f.reset_index())),
        Case("pandas, an index without a name", _parquet(lambda f: f.rename_axis(None))),
        Case("pandas, Arrow-backed columns", _parquet(_arrow)),
        Case("pandas, times in New York", _parquet(lambda f: f.tz_localize("America/New_York"))),
        Case("pandas, text in categories", _parquet(lambda f: f.astype(str).astype("category"))),
        Case("polars: no pandas beside, large strings, a symbol", _polars),
        Case("Spark: decimal128, date32", _decimals),
        Case("a folder of parts, in no order", _parts((29, 43), (0, 29))),
        Case("a folder of months (`month=1/…`)", _hive),
        Case("columns of two levels, one ticker", _parquet(of_tickers("ABC"))),
        Case(
            "columns of two levels, two tickers",
            _parquet(of_tickers("ABC", "DEF")),
            says="bars of one ticker; got level 'Ticker' of the columns with ABC, DEF",
        ),
        Case("rows of two levels, one ticker", _parquet(rows_of("ABC"))),
        Case(
            "rows of two levels, two tickers",
            _parquet(rows_of("ABC", "DEF")),
            says="bars of one ticker; got level 'Ticker' of the rows with ABC, DEF",
        ),
        Case(
            "an index of numbers, and no dates",
            _parquet(lambda f: f.reset_index(drop=True)),
            says="a column Date; got columns open, high, low, close, volume",
        ),
        Case(
            "a CSV file called .parquet",
            lambda path, frame: frame.to_csv(path),
            says="a Parquet file; got ",
        ),
        Case("a folder without parts", lambda path, _: path.mkdir(), says="a Parquet file; got "),
    )
)
