from .bars import COLUMNS, bars_sha256, validate_bars
from .files import lock
from .jumps import Jump, find_jumps
from .manifest import Entry, read_manifest
from .plausibility import jump_line, open_jumps, refuse_impossible
from .prepare import StoredBars, prepare_raw
from .publication import load_known
from .quality import quality_dates, quality_frame, quality_marks, quality_report
from .replacement import find_file, put_parquet
from .sources import FRED, planted_log_odds
from .store import is_prepared, load_bars, raw_name
from .timescale import resample
from .verify import verify_store

__all__ = [
    "COLUMNS",
    "FRED",
    "Entry",
    "Jump",
    "StoredBars",
    "bars_sha256",
    "find_file",
    "find_jumps",
    "is_prepared",
    "jump_line",
    "load_bars",
    "load_known",
    "lock",
    "open_jumps",
    "planted_log_odds",
    "prepare_raw",
    "put_parquet",
    "quality_dates",
    "quality_frame",
    "quality_marks",
    "quality_report",
    "raw_name",
    "read_manifest",
    "refuse_impossible",
    "resample",
    "validate_bars",
    "verify_store",
]
