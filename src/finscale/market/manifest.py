"""``manifest.json``: what each file under the data root is, and how to tell it is intact."""

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
        Of the file's bytes: tells whether the file was changed.
    values_sha256 : str
        Of what the file holds, whatever the platform and the Parquet version.
    rows : int
    first, last : str
        First and last session in the file, ISO dates.
    source : str
        What it was made from: source and ticker, or another file of the store.
    start, end : str
        The sessions that were asked for, ISO dates.
    retrieved : str
        When it was made, ISO date and time.
    md5 : str
        Of the file's bytes too; files of earlier versions have none.
    source_sha256 : str
        Of the user's own file that it was read from; empty, and not written, for other sources
        and for files of earlier versions.
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
    """Read the manifest under `root`: entries by path relative to it (empty before the first).

    Raises
    ------
    DataError
        If it is not a manifest.
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
            todo=f"Delete the folders raw and processed beside it and the file, "
            f"then run: {data_line('NAME', root)}",
        ) from None


def record_file(root: Path, name: str, entry: Entry) -> None:
    """Put one entry into the manifest; the caller holds the store's lock."""
    files = {**read_manifest(root), name: entry}
    document = {"files": {key: _document(files[key]) for key in sorted(files)}}
    write_text(json.dumps(document, indent=2) + "\n", root / MANIFEST)


def _document(entry: Entry) -> dict[str, object]:
    fields = asdict(entry)
    if not entry.source_sha256:
        del fields["source_sha256"]
    return fields


def verify_file(root: Path, name: str, entry: Entry, todo: str) -> Path:
    """Return the file's path, or say that it is not what the manifest describes."""
    path = root / name
    found = file_sha256(path)
    if found != entry.sha256:
        raise DataError(
            str(path),
            expected=f"the file in {MANIFEST} (sha256 {entry.sha256[:12]})",
            got=f"another one (sha256 {found[:12]})",
            todo=todo,
        )
    return path


def data_line(universe: str, root: Path, *, vix: bool = False) -> str:
    """Return the command that fills the store below `root`."""
    elsewhere = root != DataConfig.model_fields["data_root"].default
    pairs = {"universe": universe} | ({"vix": "true"} if vix else {})
    return command("data", pairs | ({"data_root": str(root)} if elsewhere else {}))
