"""The whole store is looked over, and nothing in it makes that fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from finscale.config import Synthetic, Universe
from finscale.market import Entry, load_bars, prepare_raw, read_manifest, verify_store
from finscale.market.files import file_digests, write_parquet
from finscale.market.manifest import record_file
from finscale.market.verify import Verified

SMALL = Universe(
    name="small",
    source="synthetic",
    synthetic=Synthetic(),
    target="A",
    tickers=("A", "B"),
    start=date(2014, 1, 1),
    train_end=date(2014, 1, 3),
    validation_end=date(2014, 1, 6),
    end=date(2014, 1, 31),
)
A, B, INPUTS = "raw/small/A.parquet", "raw/small/B.parquet", "processed/small.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    prepare_raw(SMALL, tmp_path, now=datetime(2025, 6, 1, tzinfo=UTC))
    inputs = load_bars(SMALL, tmp_path)[["close"]]
    write_parquet(inputs, tmp_path / INPUTS)
    sha256, _ = file_digests(tmp_path / INPUTS)
    # As the dataset room writes it: no MD5, and a digest of what it is made from.
    entry = replace(read_manifest(tmp_path)[A], sha256=sha256, md5="", values_sha256="ab" * 32)
    record_file(tmp_path, INPUTS, entry)
    return tmp_path


def test_both_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    sha256, md5 = file_digests(tmp_path / "x")
    assert sha256 == hashlib.sha256(b"abc").hexdigest()
    assert md5 == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321, A.5


def test_an_entry_has_both_digests_of_its_file(root: Path) -> None:
    entry = read_manifest(root)[A]
    assert (entry.sha256, entry.md5) == file_digests(root / A)


def test_an_entry_of_an_earlier_version_has_one(root: Path) -> None:
    text = (root / "manifest.json").read_text()
    for entry in read_manifest(root).values():
        text = text.replace(f',\n      "md5": "{entry.md5}"', "")
        text = text.replace(f'      "md5": "{entry.md5}",\n', "")
    assert "md5" not in text
    (root / "manifest.json").write_text(text)
    assert read_manifest(root)[A].md5 == ""
    assert all(one.ok for one in verify_store(root)) and len(load_bars(SMALL, root)) == 23


def test_a_sound_store_has_no_fault(root: Path) -> None:
    assert verify_store(root) == (
        Verified(INPUTS, ok=True),
        Verified(A, ok=True),
        Verified(B, ok=True),
    )
    assert verify_store(root / "nowhere") == ()


def other_entry(**changes: object) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        entry = replace(read_manifest(root)[A], **changes)  # type: ignore[arg-type]
        record_file(root, A, entry)

    return edit


def other_file(content: bytes) -> Callable[[Path], None]:
    """Replace the file, and make the entry agree with its bytes."""

    def edit(root: Path) -> None:
        (root / A).write_bytes(content)
        sha256, md5 = file_digests(root / A)
        record_file(root, A, replace(read_manifest(root)[A], sha256=sha256, md5=md5))

    return edit


def other_frame(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        change(pd.read_parquet(root / A)).to_parquet(root / A)
        other_file((root / A).read_bytes())(root)

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda root: (root / A).unlink(), "not there"),
        (lambda root: (root / A).write_bytes(b"PAR1"), "another file: sha256 "),
        (other_entry(md5="0" * 32), "another file: md5 "),
        (other_entry(rows=22), "23 rows from 2014-01-01 to 2014-01-31, not 22 from 2014-01-01"),
        (other_entry(last="2014-01-30"), "to 2014-01-31, not 23 from 2014-01-01 to 2014-01-30"),
        (other_entry(values_sha256="0" * 64), "other values: sha256 "),
        (other_entry(end="someday"), "cannot be read: ValueError"),
        (other_file(b""), "cannot be read: ArrowInvalid"),
        (other_file(b"PAR1 and nothing else PAR1"), "cannot be read: "),
        (other_frame(lambda bars: bars.iloc[:0]), "0 rows from to , not 23"),
        (other_frame(lambda bars: bars.reset_index(drop=True)), "cannot be read: AttributeError"),
        (other_frame(lambda bars: bars.drop(columns="low")), "no column low"),
        (other_frame(lambda bars: bars.assign(close=bars["close"] + 1e-9)), "other values: sha"),
    ],
)
def test_each_fault_is_a_result(root: Path, edit: Callable[[Path], None], says: str) -> None:
    edit(root)
    found = {one.name: one for one in verify_store(root)}
    assert not found[A].ok and says in found[A].reason, found[A].reason
    assert "\n" not in found[A].reason
    assert found[B].ok and found[INPUTS].ok


def test_files_without_an_entry_are_listed_and_no_fault(root: Path) -> None:
    for name in ("raw/old/X.parquet", "processed/y.parquet", "raw/.A.parquet.xyz.tmp", "notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    found = verify_store(root)
    assert [(one.name, one.ok, one.orphan) for one in found[3:]] == [
        ("processed/y.parquet", True, True),
        ("raw/old/X.parquet", True, True),
    ]
    assert found[3].reason == "no entry in manifest.json"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {"raw/x": {"rows": 3}}}'])
def test_a_manifest_that_is_none_is_a_result(root: Path, text: str) -> None:
    (root / "manifest.json").write_text(text)
    first, *others = verify_store(root)
    assert first.name == "manifest.json" and not first.ok and "finscale wrote" in first.reason
    assert [one.orphan for one in others] == [True, True, True]


def test_a_folder_in_the_place_of_a_file_is_a_result(root: Path) -> None:
    (root / A).unlink()
    (root / A).mkdir()
    found = {one.name: one for one in verify_store(root)}
    assert found[A].reason == "not there" and isinstance(read_manifest(root)[A], Entry)
