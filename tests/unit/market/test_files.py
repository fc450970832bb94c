"""Files are whole or not there; the manifest says what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from finscale.config import DataError
from finscale.market import Entry, lock, read_manifest
from finscale.market.files import file_sha256, write_parquet
from finscale.market.manifest import record_file, verify_file

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


class HalfWritten(pd.DataFrame):
    """Writes the start of a file and dies."""

    def to_parquet(self, path: Path, **_: object) -> None:  # type: ignore[override]
        """Stand in for pandas at the moment the process is killed."""
        path.write_bytes(b"PAR1 and then")
        raise KeyboardInterrupt


def entry(rows: int = 3, sha256: str = "ab" * 32) -> Entry:
    return Entry(
        sha256=sha256,
        values_sha256="cd" * 32,
        rows=rows,
        first="2024-01-02",
        last="2024-01-05",
        source="csv prices SPY",
        start="2024-01-01",
        end="2024-12-31",
        retrieved="2025-01-01T00:00:00",
    )


def test_a_written_file_reads_back_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.parquet"
    write_parquet(FRAME, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_writer_that_dies_midway_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_parquet(HalfWritten({"x": [1.0]}), tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_dies_midway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(FRAME, path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_parquet(HalfWritten({"x": [1.0]}), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(FRAME, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left on device. Free space"):
        write_parquet(FRAME * 2, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)
    assert list(tmp_path.iterdir()) == [path]


def test_a_root_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a place to write to"), lock(tmp_path / "file"):
        pytest.fail("the lock was given")


def test_the_lock_keeps_others_out_until_it_is_left(tmp_path: Path) -> None:
    from filelock import FileLock, Timeout

    other = FileLock(tmp_path / ".lock")
    with lock(tmp_path), pytest.raises(Timeout):
        other.acquire(timeout=0)
    with other.acquire(timeout=0):
        assert other.is_locked


def test_manifest_starts_empty_and_keeps_what_it_is_given(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == {}
    record_file(tmp_path, "raw/b.parquet", entry(3))
    record_file(tmp_path, "raw/a.parquet", entry(5))
    record_file(tmp_path, "raw/b.parquet", entry(7))
    assert read_manifest(tmp_path) == {"raw/a.parquet": entry(5), "raw/b.parquet": entry(7)}


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"files": []}', '{"files": {"raw/a.parquet": {"rows": 3}}}']
)
def test_a_foreign_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest.json: expected a manifest that finscale wrote"):
        read_manifest(tmp_path)


def test_verify_tells_a_changed_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "x") == digest
    assert verify_file(tmp_path, "x", entry(sha256=digest), "Do so.") == tmp_path / "x"
    with pytest.raises(DataError, match=r"another file \(sha256 ba7816bf8f01\). Do so."):
        verify_file(tmp_path, "x", entry(), "Do so.")
