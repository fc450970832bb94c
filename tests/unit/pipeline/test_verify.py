"""`verify`: everything is looked at and said, and what is wrong is one line and one mistake."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finscale.config import CONFIGS, DataError, VerifyConfig, read_pins
from finscale.pipeline import verify as module
from finscale.pipeline.running.progress import Line
from finscale.pipeline.verify import verify
from tests.lab import ROOT, copy_store

PINS = read_pins(CONFIGS.parent / "conda.yaml")
GIB = 2**30
Usage = namedtuple("Usage", "total used free")
RAW, PROCESSED = "raw/tiny/GSPC.parquet", "processed/tiny-daily-a20"


class Machine:
    """A machine on which all is well, in a folder of its own; its tests break one thing each."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.root, self.patch = folder, folder / "data", patch
        self.pins = dict(PINS)
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/store/mlflow.db")
        patch.setattr(module, "version", self.pins.__getitem__)
        self.has(disk=7.0, memory=5.0)

    def has(self, *, disk: float, memory: float) -> None:
        free = int(disk * GIB)
        self.patch.setattr(shutil, "disk_usage", lambda _: Usage(free, 0, free))
        self.patch.setattr(module, "available_memory_bytes", lambda _: int(memory * GIB))

    def lines(self, part: str = "all") -> list[str]:
        """Look, where nothing is wrong."""
        return looked(self.root, part)[0]

    def wrong(self, part: str = "all") -> str:
        """Look; return the one line that is WRONG, which the mistake repeats."""
        lines, mistake = looked(self.root, part)
        (line,) = [line for line in lines if line.startswith("WRONG ")]
        said = line.removeprefix("WRONG ")
        assert mistake.startswith(f"1 of {len(lines)} checks: expected every check to pass")
        assert f"got {said.removesuffix('.')}. Correct what the lines above" in mistake
        assert len(mistake.splitlines()) == 1
        return said


def looked(root: Path, part: str = "all") -> tuple[list[str], str]:
    """Return the lines that were said, and the mistake's, if there was one."""
    lines: list[str] = []

    def listen(event: object) -> None:
        assert isinstance(event, Line)
        lines.append(event.text)

    config = VerifyConfig.model_validate({"data_root": root, "part": part})
    try:
        verify(config, listen=listen)
    except DataError as mistake:
        return lines, mistake.line
    return lines, ""


@pytest.fixture
def machine(empty_store: Path, data_root: Path, tmp_path: Path) -> Iterator[Machine]:
    copy_store(empty_store, tmp_path / "store")
    shutil.copytree(data_root, tmp_path / "data")
    with pytest.MonkeyPatch.context() as patch:
        yield Machine(tmp_path, patch)


def test_on_a_prepared_machine_everything_passes(machine: Machine) -> None:
    lines = machine.lines()
    assert all(line.startswith("ok    ") for line in lines[:-1])
    names = [line[6:].partition(":")[0] for line in lines[:-1]]
    assert names == [
        "python", "packages", "device", "memory of cpu", "disk for data", "writing of data",
        "disk for artifacts", "writing of artifacts", "tracking store", "data",
    ] or "memory of cuda" in names  # fmt: skip
    assert lines[-1] == "Nothing is wrong (10 checks)."
    assert f"ok    packages: all {len(PINS)} as pinned" in lines
    assert f"ok    data: all 2 below {machine.root} as the manifest says" in lines


def test_the_data_alone_need_no_store_package_or_disk(machine: Machine) -> None:
    machine.has(disk=0.0, memory=0.0)
    machine.pins["torch"] = "1.0"
    machine.patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    lines = machine.lines("data")
    assert lines[0].startswith("ok    data: all 2 below")
    assert lines[1:] == ["Nothing is wrong (1 check)."]
    assert not (machine.folder / "mlruns").exists()


def test_where_nothing_is_prepared_nothing_is_wrong(machine: Machine) -> None:
    shutil.rmtree(machine.root)
    assert f"ok    data: nothing below {machine.root}" in machine.lines()


def test_a_file_that_nothing_reads_is_named_and_not_wrong(machine: Machine) -> None:
    (machine.root / "processed/left.parquet").write_bytes(b"left")
    lines = machine.lines("data")
    assert lines[0] == "ok    data processed/left.parquet: no entry in manifest.json"
    assert lines[-1] == "Nothing is wrong (2 checks)."


@pytest.mark.parametrize("part", ["all", "data"])
def test_a_changed_raw_file_is_wrong(machine: Machine, part: str) -> None:
    path = machine.root / RAW
    bars = pd.read_parquet(path)
    bars.iloc[17, 3] += 1.0
    bars.to_parquet(path)
    assert machine.wrong(part).startswith(f"data {RAW}: another file: sha256 ")


def test_a_damaged_processed_file_is_wrong(machine: Machine) -> None:
    (path,) = (machine.root / "processed").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:1009])
    assert machine.wrong("data").startswith(f"data {PROCESSED}")


def test_a_missing_file_is_wrong_and_the_others_are_counted(machine: Machine) -> None:
    (machine.root / RAW).unlink()
    assert machine.wrong("data") == f"data {RAW}: not there"
    (_, last), _ = looked(machine.root, "data")
    assert last == f"ok    data: the other 1 below {machine.root} as the manifest says"


def test_a_manifest_that_cannot_be_read_is_wrong(machine: Machine) -> None:
    (machine.root / "manifest.json").write_text("{")
    assert "manifest.json" in machine.wrong("data")


@pytest.mark.parametrize(
    ("found", "seen"),
    [("2.12.9+cpu", f"2.12.9+cpu, pinned {PINS['torch']}"), (None, "not installed")],
)
def test_a_package_that_is_not_the_pinned_one_is_wrong(
    machine: Machine, found: str | None, seen: str
) -> None:
    def version(name: str) -> str:
        if name == "torch" and found is None:
            raise module.PackageNotFoundError(name)
        return str(found) if name == "torch" else PINS[name]

    machine.patch.setattr(module, "version", version)
    assert machine.wrong().startswith(f"package torch: {seen}")
    assert f"ok    packages: the other {len(PINS) - 1} as pinned" in looked(machine.root)[0]


def test_what_a_package_was_built_for_makes_no_other_version(machine: Machine) -> None:
    machine.pins["torch"] = f"{PINS['torch']}+cu130"
    assert machine.lines()[-1] == "Nothing is wrong (10 checks)."


def test_too_old_a_python_is_wrong(machine: Machine) -> None:
    machine.patch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    assert machine.wrong() == "python: 3.10.13, 3.11 or newer is needed"


@pytest.mark.parametrize(("name", "what"), [("data", "data"), ("mlruns", "artifacts")])
def test_a_file_in_the_place_of_a_folder_is_wrong(machine: Machine, name: str, what: str) -> None:
    folder = machine.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    said = machine.wrong()
    assert said.startswith(f"writing of {what}: ") and said.endswith(f"{name}: Not a directory")


def test_too_little_disk_is_wrong_once_for_each_folder(machine: Machine) -> None:
    machine.has(disk=1.5, memory=5.0)
    lines, mistake = looked(machine.root)
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert wrong == [
        f"WRONG disk for data: 1.5 GiB free for {machine.root}, 2 needed",
        "WRONG disk for artifacts: 1.5 GiB free for mlruns, 2 needed",
    ]
    assert mistake.startswith("2 of 10 checks") and "disk for data: 1.5 GiB" in mistake


def test_too_little_memory_is_wrong(machine: Machine) -> None:
    machine.has(disk=7.0, memory=1.7)
    said = machine.wrong()
    assert said.startswith("memory of ") and said.endswith(": 1.7 GiB free, 2 needed")


def test_of_many_mistakes_three_are_named_and_the_rest_counted(machine: Machine) -> None:
    machine.pins |= {"torch": "1", "pandas": "2", "numpy": "3", "scipy": "4", "optuna": "5"}
    lines, mistake = looked(machine.root)
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert len(wrong) == 5 and mistake.startswith(f"5 of {len(lines)} checks")
    assert mistake.count("package ") == 3 and "; 2 more. Correct" in mistake


def test_a_server_that_is_not_there_is_wrong(machine: Machine) -> None:
    with socket.socket() as taken:  # bound and not listening: whoever calls is refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        machine.patch.setenv("MLFLOW_TRACKING_URI", address)
        lines, mistake = looked(machine.root)
    (said,) = [line for line in lines if line.startswith("WRONG")]
    assert said.startswith(f"WRONG tracking store: {address}: expected an MLflow store that ans")
    assert "Connection refused" in said and f"tracking store: {address}" in mistake


def test_a_damaged_store_is_wrong(machine: Machine) -> None:
    path = machine.folder / "store/mlflow.db"
    path.write_bytes(b"no database, though long enough to be one" * 101)
    lines, mistake = looked(machine.root)
    (said,) = [line for line in lines if line.startswith("WRONG")]
    assert "expected a database of MLflow; got file is not a database" in said
    assert "file is not a database" in mistake


def test_looking_makes_no_store(machine: Machine) -> None:
    machine.patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{machine.folder}/new/mlflow.db")
    lines = machine.lines()
    address = f"sqlite:///{machine.folder}/new/mlflow.db"
    assert f"ok    tracking store: {address} is made by the first command" in lines
    assert list(machine.folder.rglob("mlflow.db")) == [machine.folder / "store/mlflow.db"]


def test_a_password_is_not_shown(machine: Machine) -> None:
    machine.patch.setattr("finscale.tracking.check_store", lambda: None)
    machine.patch.setattr("finscale.tracking.find_experiment", lambda: None)
    machine.patch.setattr("finscale.tracking.faults_of_artifacts", list)
    machine.patch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/runs")
    (line,) = [line for line in machine.lines() if "tracking store" in line]
    assert line == "ok    tracking store: postgresql://me:***@127.0.0.1:1/runs answers"


def command(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "entrypoints.verify", *options],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_says_all_and_ends_with_one_line_and_code_2(machine: Machine) -> None:
    (machine.root / RAW).unlink()
    done = command(machine.folder, "--part=data", f"--data_root={machine.root}")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        f"WRONG data {RAW}: not there",
        f"ok    data: the other 1 below {machine.root} as the manifest says",
    ]
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: 1 of 2 checks: expected every check to pass; got data")
    assert not (machine.folder / "mlflow.db").exists()


def test_a_part_that_there_is_not_is_a_typo(tmp_path: Path) -> None:
    done = command(tmp_path, "--part=dat")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: parameters, part: expected 'all' or 'data'; got 'dat'")


def test_on_a_screen_it_ends_with_how_many_passed(machine: Machine, capsys: Any) -> None:
    verify(VerifyConfig(data_root=machine.root))
    assert capsys.readouterr().out.endswith("Nothing is wrong (10 checks).\n")
