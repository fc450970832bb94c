"""The manifest, ``manifest.json``: origin and digests of each file under the data root."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from finscale.config import DataConfig, DataError, command
from finscale.market.files import file_sha256, write_text

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """One file of the store.

    Attributes
    ----------
    sha256 : str
        Digest of the file's bytes, which shows whether the file was changed.
    values_sha256 : str
        Digest of the values, which does not depend on the platform or the Parquet version.
    rows : int
    first, last : str
        First and last session in the file, ISO dates.
    source : str
        Origin of the file: source and ticker, or another file of the store.
    start, end : str
        First and last date that were requested, ISO dates.
    retrieved : str
        Time at which the file was made, ISO date and time.
    md5 : str
        MD5 of the file's bytes; files of earlier versions have none.
    source_sha256 : str
        Digest of the user's own file from which the bars were read. It is empty, and not written,
        for other sources and for files of earlier versions.
    """

    sha256: str
    values_sha256: str
    rows: int
    first: str
    last: str
    source: str
    start: str
    end: str
    retrieved: str
    md5: str = ""
    source_sha256: str = ""


def read_manifest(root: Path) -> dict[str, Entry]:
    """Read the manifest under `root`: entries by relative path, empty if there is no manifest yet.

    Raises
    ------
    DataError
        If the file is not a manifest.
    """
    path = root / MANIFEST
    if not path.exists():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {name: Entry(**entry) for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            str(path),
            expected="a manifest that finscale wrote",
            got=f"{type(error).__name__}: {error}",
            todo=f"Delete the file and the folders raw and processed beside it, then run: "
            f"{data_line('NAME', root)}",
        ) from None


def record_file(root: Path, name: str, entry: Entry) -> None:
    """Write one entry into the manifest; the caller must hold the store's lock."""
    files = {**read_manifest(root), name: entry}
    document = {"files": {key: _document(files[key]) for key in sorted(files)}}
    write_text(json.dumps(document, indent=2) + "\n", root / MANIFEST)


def _document(entry: Entry) -> dict[str, object]:
    fields = asdict(entry)
    if not entry.source_sha256:
        del fields["source_sha256"]
    return fields


def verify_file(root: Path, name: str, entry: Entry, todo: str) -> Path:
    """Return the file's path, or raise `DataError` if it differs from the manifest."""
    path = root / name
    found = file_sha256(path)
    if found != entry.sha256:
        raise DataError(
            str(path),
            expected=f"the file in {MANIFEST} (sha256 {entry.sha256[:12]})",
            got=f"another file (sha256 {found[:12]})",
            todo=todo,
        )
    return path


def data_line(universe: str, root: Path, *, vix: bool = False) -> str:
    """Return the command that fills the store below `root`."""
    elsewhere = root != DataConfig.model_fields["data_root"].default
    pairs = {"universe": universe} | ({"vix": "true"} if vix else {})
    return command("data", pairs | ({"data_root": str(root)} if elsewhere else {}))
