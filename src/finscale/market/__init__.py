"""Sources to validated OHLCV bars, and the immutable store that keeps them."""

from finscale.market.bars import COLUMNS, bars_sha256, validate_bars
from finscale.market.files import lock
from finscale.market.known import load_known
from finscale.market.manifest import Entry, read_manifest
from finscale.market.prepare import StoredBars, prepare_raw
from finscale.market.quality import quality_frame, quality_marks, quality_report
from finscale.market.replacement import find_file, put_parquet
from finscale.market.sources import FRED, planted_log_odds
from finscale.market.store import is_prepared, load_bars, raw_name
from finscale.market.timescale import resample
from finscale.market.verify import verify_store

__all__ = [
    "COLUMNS",
    "FRED",
    "Entry",
    "StoredBars",
    "bars_sha256",
    "find_file",
    "is_prepared",
    "load_bars",
    "load_known",
    "lock",
    "planted_log_odds",
    "prepare_raw",
    "put_parquet",
    "quality_frame",
    "quality_marks",
    "quality_report",
    "raw_name",
    "read_manifest",
    "resample",
    "validate_bars",
    "verify_store",
]
