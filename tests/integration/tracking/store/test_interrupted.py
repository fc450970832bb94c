"""A kill at any moment or a full disk leaves the old file or the new one, and one can go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from finscale.config import DataError
from finscale.market import load_bars, prepare_raw, read_manifest, verify_store
from finscale.market.manifest import record_file
from tests.dying_writer import N_STEPS, NOW, SHORT, grown
from tests.lab import ROOT

FILE = "raw/grows/A.parquet"


def write(how: str, *roots: str) -> list[str]:
    """Have the stores filled by processes that die of it; return what they say."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.dying_writer", how, *roots],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What a writer that lives leaves, to the latest end."""
    root = tmp_path_factory.mktemp("expected")
    prepare_raw(grown(200), root, now=NOW)
    return load_bars(grown(200), root)


def assert_whole(root: Path, expected: pd.DataFrame) -> int:
    """The file is one of those that were written, its entry is its own; return its rows."""
    entry = read_manifest(root)[FILE]
    (checked,) = [one for one in verify_store(root) if one.name == FILE]
    assert checked.ok, checked.reason
    bars = pd.read_parquet(root / FILE)
    pd.testing.assert_frame_equal(bars, expected.iloc[: entry.rows], check_freq=False)
    return len(bars)


def assert_goes_on(root: Path, days: int, expected: pd.DataFrame) -> None:
    (stored,) = prepare_raw(grown(days), root, now=NOW)
    assert load_bars(grown(days), root).equals(expected.iloc[: stored.rows])
    assert all(one.ok and not one.orphan for one in verify_store(root))
    assert [path.name for path in (root / "raw/grows").iterdir()] == ["A.parquet"]


def test_a_first_file_is_there_or_not_wherever_its_writer_is_killed(
    tmp_path: Path, expected: pd.DataFrame
) -> None:
    roots = [tmp_path / str(step) for step in range(N_STEPS)]
    said = write("killed", *map(str, roots))
    assert said == [f"{step} ended with -9" for step in range(N_STEPS)]
    n_there = 0
    for root in roots:
        if FILE in read_manifest(root):
            assert assert_whole(root, expected) == 18
            n_there += 1
        assert_goes_on(root, 7, expected)
    # From the manifest's own replacement on it is there, waiting or in place.
    assert n_there == 3


def test_an_old_file_or_the_new_one_wherever_the_writer_is_killed(
    tmp_path: Path, expected: pd.DataFrame
) -> None:
    roots = [tmp_path / str(step) for step in range(N_STEPS)]
    for root in roots:
        prepare_raw(SHORT, root, now=NOW)
    said = write("killed", *map(str, roots))
    assert said == [f"{step} ended with -9" for step in range(N_STEPS)]
    rows = []
    for root in roots:
        rows.append(assert_whole(root, expected))
        assert_goes_on(root, 7, expected)
    assert rows == [13] * 7 + [18] * 3


def test_a_reader_finishes_what_the_writer_could_not(tmp_path: Path) -> None:
    """Killed between the manifest and the move: the new file waits beside the old one."""
    roots = [tmp_path / str(step) for step in range(N_STEPS - 1)]
    for root in roots:
        prepare_raw(SHORT, root, now=NOW)
    write("killed", *map(str, roots))
    between = roots[N_STEPS - 2]
    assert (between / "raw/grows/.A.parquet.next").exists()
    assert len(pd.read_parquet(between / FILE)) == 13
    assert len(load_bars(grown(7), between)) == 18
    assert not (between / "raw/grows/.A.parquet.next").exists()


@pytest.mark.slow
def test_kills_at_random_moments_of_a_store_that_grows(
    tmp_path: Path, expected: pd.DataFrame
) -> None:
    roots = [tmp_path / str(number) for number in range(23)]
    for root in roots:
        prepare_raw(SHORT, root, now=NOW)
    said = write("timed", *map(str, roots))
    assert said == [f"{number} ended with -9" for number in range(23)]
    rows = {assert_whole(root, expected) for root in roots}
    assert len(rows) > 1
    for root in roots:
        assert_goes_on(root, 200, expected)


def crowd(root: Path) -> None:
    """Make the manifest larger than any bars: 43 entries of other files."""
    prepare_raw(SHORT, root, now=NOW)
    entry = read_manifest(root)[FILE]
    for number in range(43):
        record_file(root, f"processed/other-{number}.parquet", entry)


def test_a_full_disk_leaves_the_old_file_at_each_write(
    tmp_path: Path, expected: pd.DataFrame
) -> None:
    roots = [tmp_path / str(number) for number in range(4)]
    for root in roots:
        crowd(root)
    n_bytes = (root / FILE).stat().st_size
    # None, half a file, a whole file but no manifest; and enough.
    limits = (0, n_bytes // 2, n_bytes * 2, 10**6)
    assert n_bytes * 2 < (root / "manifest.json").stat().st_size < 10**6
    said = write("full", *(f"{root}={limit}" for root, limit in zip(roots, limits, strict=True)))
    for number, root in enumerate(roots[:3]):
        line, end = said[2 * number : 2 * number + 2]
        assert "a place to write to; got [Errno 27] " in line and "Free space" in line, said
        assert end == f"{number} ended with 2"
        assert assert_whole(root, expected) == 13
        left = {path.name for path in root.rglob("*") if path.is_file()}
        assert left == {"A.parquet", "manifest.json", ".lock"}
    assert said[6:] == ["3 ended with 0"]
    for root in roots:
        (stored,) = prepare_raw(grown(7), root, now=NOW)
        assert load_bars(grown(7), root).equals(expected.iloc[: stored.rows]) and stored.rows == 18


def test_an_error_at_the_very_last_move_is_one_line_and_the_next_line_goes_on(
    tmp_path: Path, expected: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_raw(SHORT, tmp_path, now=NOW)
    move = os.replace

    def refuse(source: object, target: object) -> None:
        if str(source).endswith(".next"):
            raise OSError(28, "No space left on device")
        move(str(source), str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DataError, match=r"No space left on device. Free space"):
        prepare_raw(grown(7), tmp_path, now=NOW)
    monkeypatch.undo()
    assert_goes_on(tmp_path, 7, expected)
