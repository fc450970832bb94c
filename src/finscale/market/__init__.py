"""Sources to validated OHLCV bars, and the immutable store that keeps them."""

from finscale.market.bars import COLUMNS, bars_sha256, validate_bars
from finscale.market.files import file_sha256, lock, write_parquet
from finscale.market.manifest import Entry, read_manifest, record_file, verify_file
from finscale.market.sources import planted_log_odds
from finscale.market.store import StoredBars, is_prepared, load_bars, prepare_raw, raw_name

__all__ = [
    "COLUMNS",
    "Entry",
    "StoredBars",
    "bars_sha256",
    "file_sha256",
    "is_prepared",
    "load_bars",
    "lock",
    "planted_log_odds",
    "prepare_raw",
    "raw_name",
    "read_manifest",
    "record_file",
    "validate_bars",
    "verify_file",
    "write_parquet",
]
