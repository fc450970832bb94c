"""Files of a user's own: three tickers, and universes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from finscale.config import Universe

LATER = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2025, 6, 1, 12, 30, 15, 999, tzinfo=UTC)
CSV = """Date,Open,High,Low,Close,Volume
2023-12-29,10,11,9,10,100
2024-01-02,20,21,19,20,200
2024-01-03,30,31,29,30,300
2024-01-04,40,41,39,40,400
2024-01-05,50,51,49,50,500
"""
UNIVERSE = """
source: bundled
target: ^GSPC
tickers: [^GSPC, ^IXIC]
start: 1999-01-04
train_end: 2012-12-31
validation_end: 2015-12-31
end: 2018-12-31
"""


def write_prices(folder: Path) -> Path:
    """Write the three files into a folder of their own."""
    prices = folder / "prices"
    prices.mkdir()
    for ticker in ("^AAA", "BBB", "CCC"):
        (prices / f"{ticker}.csv").write_text(CSV)
    return prices


def universe(prices: Path, **changes: object) -> Universe:
    fields = {
        "name": "three",
        "source": "csv",
        "path": str(prices),
        "target": "^AAA",
        "tickers": ("^AAA", "BBB", "CCC"),
        "start": date(2023, 12, 31),
        "train_end": date(2024, 1, 2),
        "validation_end": date(2024, 1, 3),
        "end": date(2024, 1, 4),
    }
    return Universe.model_validate(fields | changes)


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
