"""Verification of the whole store: each file must exist and match its manifest entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from finscale.config import DataError
from finscale.market.bars import COLUMNS, bars_sha256
from finscale.market.files import file_digests
from finscale.market.manifest import MANIFEST, Entry, read_manifest
from finscale.market.replacement import settle

FOLDERS = ("raw", "processed")


@dataclass(frozen=True)
class Verified:
    """Result of the verification of one file.

    Attributes
    ----------
    name : str
        Path relative to the data root.
    ok : bool
        Whether the file has no fault.
    reason : str
        The fault, or a remark; empty for an intact file.
    orphan : bool
        Whether the file has no manifest entry, as after an interruption; nothing reads it.
    """

    name: str
    ok: bool
    reason: str = ""
    orphan: bool = False


def verify_store(root: Path | str) -> tuple[Verified, ...]:
    """Check every entry of the manifest, and list the files without an entry.

    A bad file is a result, not an exception. The same holds for an unreadable manifest, which makes
    all files orphans.

    Returns
    -------
    tuple of Verified
        The entries in order of name, then the orphans.
    """
    root = Path(root)
    broken: list[Verified] = []
    try:
        entries = read_manifest(root)
    except (DataError, OSError) as error:
        entries, broken = {}, [Verified(MANIFEST, ok=False, reason=str(error))]
    checked = [_verify(root, name, entries[name]) for name in sorted(entries)]
    return *broken, *checked, *_orphans(root, entries)


def _verify(root: Path, name: str, entry: Entry) -> Verified:
    try:
        settle(root, name, entry)
        reason = _fault(root / name, name, entry)
    except Exception as error:  # a damaged file may make its reader raise any error
        reason = f"cannot be read: {type(error).__name__}: {error}"
    return Verified(name, ok=not reason, reason=" ".join(reason.split()))


def _fault(path: Path, name: str, entry: Entry) -> str:
    """Return the first fault of a file, or an empty text."""
    if not path.is_file():
        return "not there"
    sha256, md5 = file_digests(path)
    if sha256 != entry.sha256:
        return f"another file: sha256 {sha256[:12]}, not {entry.sha256[:12]}"
    if entry.md5 and md5 != entry.md5:
        return f"another file: md5 {md5[:12]}, not {entry.md5[:12]}"
    frame = pd.read_parquet(path)
    dates = (str(frame.index[0].date()), str(frame.index[-1].date())) if len(frame) else ("", "")
    found, said = (len(frame), *dates), (entry.rows, entry.first, entry.last)
    if found != said:
        return "{} rows from {} to {}, not {} from {} to {}".format(*found, *said)
    # The digest of a processed file is of its sources: its own values depend on the platform.
    if name.startswith("raw/"):
        return _other_values(frame, entry)
    return ""


def _other_values(frame: pd.DataFrame, entry: Entry) -> str:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        return f"no column {', '.join(missing)}"
    values = bars_sha256(frame, date.fromisoformat(entry.end))
    if values != entry.values_sha256:
        return f"other values: sha256 {values[:12]}, not {entry.values_sha256[:12]}"
    return ""


def _orphans(root: Path, entries: dict[str, Entry]) -> list[Verified]:
    files = (path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file())
    names = sorted(path.relative_to(root).as_posix() for path in files)
    return [
        Verified(name, ok=True, reason=f"no entry in {MANIFEST}", orphan=True)
        for name in names
        # Hidden files are still being written.
        if name not in entries and not name.rpartition("/")[2].startswith(".")
    ]
