"""Sources to validated OHLCV bars, and the immutable store that keeps them."""

from finscale.market.bars import COLUMNS, bars_sha256, validate_bars
from finscale.market.files import file_digests, file_sha256, lock, write_parquet
from finscale.market.known import as_known, load_known
from finscale.market.manifest import Entry, read_manifest, record_file, verify_file
from finscale.market.prepare import StoredBars, prepare_raw
from finscale.market.quality import Found, Quality, quality_frame, quality_report
from finscale.market.sources import known_dates, planted_log_odds
from finscale.market.store import is_prepared, load_bars, raw_name
from finscale.market.verify import Verified, verify_store

__all__ = [
    "COLUMNS",
    "Entry",
    "Found",
    "Quality",
    "StoredBars",
    "Verified",
    "as_known",
    "bars_sha256",
    "file_digests",
    "file_sha256",
    "is_prepared",
    "known_dates",
    "load_bars",
    "load_known",
    "lock",
    "planted_log_odds",
    "prepare_raw",
    "quality_frame",
    "quality_report",
    "raw_name",
    "read_manifest",
    "record_file",
    "validate_bars",
    "verify_file",
    "verify_store",
    "write_parquet",
]
