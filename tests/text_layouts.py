"""CSV files as pandas, exchanges, vendors and Excel write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.layout_case import NAMES, Case, Change, Put, of_tickers, rows_of

Cell = Callable[[float], str]


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def _text(
    frame: pd.DataFrame,
    header: str = "Date,Open,High,Low,Close,Volume",
    row: str = "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    price: Cell = _plain,
    volume: Cell = str,
    ends: str = "\n",
) -> str:
    """Write a header and a row a session; `row` names its cells by their first letters."""
    lines = [header] if header else []
    for day, *prices, traded in frame.itertuples():
        cells = dict(zip("ohlc", map(price, prices), strict=True))
        lines.append(row.format(d=day, v=volume(traded), e=int(day.timestamp()), **cells))
    return ends.join(lines) + ends


def _csv(
    before: str = "",
    after: str = "",
    encoding: str = "utf-8",
    newest_first: bool = False,
    **how: Any,
) -> Put:
    """Return a writer of text; `how` as in `_text`."""

    def put(path: Path, frame: pd.DataFrame) -> None:
        written = _text(frame.iloc[::-1] if newest_first else frame, **how)
        path.write_bytes((before + written + after).encode(encoding))

    return put


def _edit(old: str, new: str) -> Put:
    """Return a writer of plain text in which one thing is another."""

    def put(path: Path, frame: pd.DataFrame) -> None:
        text = _text(frame)
        assert old in text, "there is something to change"
        path.write_text(text.replace(old, new))

    return put


def _pandas(change: Change = lambda frame: frame) -> Put:
    return lambda path, frame: change(frame).to_csv(path)


_YAHOO_WEB = "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume"
_TIINGO = (
    "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor"
)
_STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
_SEMICOLONS = "{d:%d.%m.%Y};{o};{h};{l};{c};{v}"
_GERMAN = "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen"
_THOUSANDS = "{:,}".format


def _json(path: Path, frame: pd.DataFrame) -> None:
    path.write_text(json.dumps({"rows": frame.reset_index(drop=True).to_dict("records")}))


TEXTS = (
    Case("plain: Date,Open,High,Low,Close,Volume", _csv()),
    Case("pandas `to_csv`", _pandas()),
    Case("pandas, an index without a name", _pandas(lambda f: f.rename_axis(None))),
    Case("pandas, a numbered index beside Date", _pandas(lambda f: f.reset_index())),
    Case("yfinance ≥ 0.2.50: header lines Price, Ticker, Date", _pandas(of_tickers("ABC"))),
    Case("yfinance, `group_by='ticker'`", _pandas(of_tickers("ABC", first="Ticker"))),
    Case(
        "yfinance, two tickers in one file",
        _pandas(of_tickers("ABC", "DEF")),
        says="bars of one ticker; got level 'Ticker' of the columns with ABC, DEF. Write a file",
    ),
    Case(
        "Yahoo's old download: Adj Close, a row of null",
        _csv(
            after="2024-03-01,null,null,null,null,null,null\n",
            header="Date,Open,High,Low,Close,Adj Close,Volume",
            row="{d:%Y-%m-%d},{o},{h},{l},{c},{l},{v}",
        ),
    ),
    Case(
        "Yahoo's page, pasted: Jan 2, 2024, Close*, a note at its end",
        _csv(
            header=_YAHOO_WEB,
            row="{d:%b} {d.day}, {d:%Y}\t{o}\t{h}\t{l}\t{c}\t{l}\t{v}",
            price="{:,.2f}".format,
            volume=_THOUSANDS,
            after="*Close price adjusted for splits.\n",
        ),
    ),
    Case(
        "Yahoo's page with a row of a dividend",
        _edit(
            "\n2024-01-03,",
            "\n2024-01-02,0.24 Dividend,,,,\n2024-01-03,",
        ),
        says="a number in open; got '0.24 Dividend' in line 3",
    ),
    Case(
        "Stooq: <TICKER>,<PER>,<DATE> as 20240102",
        _csv(header=_STOOQ, row="ABC.US,D,{d:%Y%m%d},000000,{o},{h},{l},{c},{v},0"),
    ),
    Case(
        "Tiingo: 2024-01-02T00:00:00.000Z, adjClose and others",
        _csv(
            header=_TIINGO, row="{d:%Y-%m-%d}T00:00:00.000Z,{c},{h},{l},{o},{v},1,1,1,1,1,0.0,1.0"
        ),
    ),
    Case(
        "Bloomberg: titles, PX_OPEN …, month first",
        _csv(
            before="Security,ABC US Equity\nStart Date,01/02/2024\nEnd Date,02/29/2024\n\n",
            header="Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME",
            row="{d:%m/%d/%Y},{o},{h},{l},{c},{v}",
        ),
    ),
    Case(
        "Bloomberg: #N/A N/A on a holiday",
        _csv(
            after=f"03/04/2024{',#N/A N/A' * 5}\n",
            header="Dates,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME".replace("Dates", "Date"),
            row="{d:%m/%d/%Y},{o},{h},{l},{c},{v}",
        ),
    ),
    Case(
        "Alpha Vantage: timestamp, the newest first",
        _csv(newest_first=True, header="timestamp,open,high,low,close,volume"),
    ),
    Case(
        "Alpha Vantage through pandas: 1. open, 2. high …",
        _pandas(
            lambda f: f.set_axis(
                [f"{n}. {name.lower()}" for n, name in enumerate(NAMES, 1)], axis=1
            ).rename_axis("date")
        ),
    ),
    Case(
        "Nasdaq.com: Close/Last, $1,003.62, the newest first",
        _csv(
            newest_first=True,
            header="Date,Close/Last,Volume,Open,High,Low",
            row='{d:%m/%d/%Y},"{c}",{v},"{o}","{h}","{l}"',
            price="${:,.2f}".format,
        ),
    ),
    Case(
        "investing.com: Price, Vol. of 1.25M, Change %",
        _csv(
            newest_first=True,
            header='"Date","Price","Open","High","Low","Vol.","Change %"',
            row='"{d:%m/%d/%Y}","{c}","{o}","{h}","{l}","{v}","0.11%"',
            price="{:,.2f}".format,
            volume=lambda v: f"{v / 1e6:.3f}M",
        ),
    ),
    Case(
        "Google Finance: 1/2/2024 16:00:00",
        _csv(row="{d.month}/{d.day}/{d:%Y} 16:00:00,{o},{h},{l},{c},{v}"),
    ),
    Case(
        "NSE of India: 02-Jan-2024, OPEN, ltp, PREV. CLOSE",
        _csv(
            header="Date ,series ,OPEN ,HIGH ,LOW ,PREV. CLOSE ,ltp ,close ,VOLUME ",
            row="{d:%d-%b-%Y},EQ,{o},{h},{l},1,1,{c},{v}",
        ),
    ),
    Case(
        "TradingView: time in seconds since 1970, at midnight",
        _csv(header="time,open,high,low,close,Volume", row="{e},{o},{h},{l},{c},{v}"),
    ),
    Case(
        "seconds since 1970 with a time of day",
        _csv(
            header="time,open,high,low,close,Volume",
            row="1704205800,{o},{h},{l},{c},{v}",
        ),
        says="counts of s since 1970 that are midnights in UTC; got '1704205800' in line 2",
    ),
    Case(
        "Excel: a first line sep=;",
        _csv(
            before="sep=;\n",
            header="Date;Open;High;Low;Close;Volume",
            row="{d:%Y-%m-%d};{o};{h};{l};{c};{v}",
        ),
    ),
    Case(
        "Excel, German: 1.003,62, 31.01.2024, BOM",
        _csv(
            encoding="utf-8-sig",
            header=_GERMAN,
            row=_SEMICOLONS,
            price=_german,
            volume=lambda v: f"{v:,}".replace(",", "."),
            ends="\r\n",
        ),
    ),
    Case(
        "Excel, German: cp1252",
        _csv(encoding="cp1252", header=_GERMAN, row=_SEMICOLONS, price=_german),
    ),
    Case(
        "Excel, French: 1 003,62 with spaces that do not break",
        _csv(
            header="Date;Ouverture;Haut;Bas;Clôture;Volume",
            row="{d:%d/%m/%Y};{o};{h};{l};{c};{v}",
            price=lambda v: f"{v:,.2f}".replace(",", "\u202f").replace(".", ","),
        ),
    ),
    Case(
        "Excel, Swiss: 1'003.62 €",
        _csv(header=_GERMAN, row=_SEMICOLONS, price=lambda v: f"{v:,.2f} €".replace(",", "'")),
    ),
    Case(
        "Excel, Unicode text: UTF-16, tabs",
        _csv(
            encoding="utf-16",
            header="Date\tOpen\tHigh\tLow\tClose\tVolume",
            row="{d:%Y-%m-%d}\t{o}\t{h}\t{l}\t{c}\t{v}",
        ),
    ),
    Case(
        "Excel, decimal commas between commas",
        _csv(price=lambda v: f"{v:.2f}".replace(".", ",")),
        says="6 cells in a row, as in the header; got 10 in line 2. Put quotation marks",
    ),
    Case(
        "Excel, a workbook called .csv",
        lambda path, _: path.write_bytes(b"PK\x03\x04\x14\0\x06\0"),
        says="a CSV file, which is text; got an Excel workbook",
    ),
    Case(
        "Excel, dates as its numbers of days",
        _csv(row="45293,{o},{h},{l},{c},{v}"),
        says="a date such as 2024-01-31; got '45293' in line 2, and 42 more",
    ),
    Case(
        "decimal points and commas in one file",
        _csv(header="Date;Open;High;Low;Close;Volume", row="{d:%Y-%m-%d};{o};{h};{l};7,5;{v}"),
        says="one decimal mark in all numbers; got ",
    ),
    Case(
        "prices of 1,234 alone, whose comma may be either",
        _csv(header="Date;Open;High;Low;Close", row="{d:%Y-%m-%d};1,234;1,234;1,234;1,234"),
        says="a number in open whose decimal mark is unambiguous; got '1,234' in line 2",
    ),
    Case(
        "dates of 03/04/2024 alone, whose month may be either",
        lambda path, frame: path.write_text(
            _text(frame.iloc[:9], row="{d:%d/%m/%Y},{o},{h},{l},{c},{v}")
        ),
        says="dates whose day and month can be told apart; got '02/01/2024' in line 2",
    ),
    Case(
        "empty lines, trailing commas, a header that comes twice",
        lambda path, frame: path.write_text(
            "\n"
            + (_text(frame.iloc[:21], ends=",,\n\n") + _text(frame.iloc[21:], ends=",,\n\n"))
            + "\n\n"
        ),
    ),
    Case("offsets of +00", _csv(row="{d:%Y-%m-%d} 00:00:00+00,{o},{h},{l},{c},{v}")),
    Case(
        "times in New York: 2024-01-02 16:00:00-05:00",
        _csv(row="{d:%Y-%m-%d} 16:00:00-05:00,{o},{h},{l},{c},{v}"),
    ),
    Case("a footer of words", _csv(after="\nSource: somebody, without warranty\n")),
    Case(
        "words between the rows",
        _edit("\n2024-01-04", "\nto be continued\n2024-01-04"),
        says="a date such as 2024-01-31; got 'to be continued' in line 4",
    ),
    Case("a last row that was cut", _csv(after="2024-03-01,1003"), says="got nothing in line 45"),
    Case(
        "a date twice",
        lambda path, frame: path.write_text(_text(frame.iloc[[0, 1, 1, 2]])),
        says="one row per date; got 2024-01-03 twice in line 3 and line 4",
    ),
    Case(
        "rows out of order",
        lambda path, frame: path.write_text(_text(frame.iloc[[0, 2, 1, 3]])),
        says="rows in order of date; got 2024-01-03 after a later date in line 4",
    ),
    Case(
        "no header",
        _csv(header=""),
        says="a header line that names Date, Open, High, Low, Close (and Volume); got '2024",
    ),
    Case(
        "Close and Volume alone",
        lambda path, frame: frame[["Close", "Volume"]].to_csv(path),
        says="(and volume, which may be left out); got no open, high, low beside close, volume",
    ),
    Case("no Volume", lambda path, frame: frame[NAMES[:4]].to_csv(path)),
    Case(
        "rows of two tickers",
        lambda path, frame: rows_of("ABC", "DEF")(frame).to_csv(path),
        says="bars of one ticker; got rows of ABC, DEF, the second from line 3 on",
    ),
    Case("JSON", _json, says="a header line that names Date, Open, High, Low, Close"),
)
