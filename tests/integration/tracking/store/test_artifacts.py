"""Whether artifacts can be kept, asked before anything is trained; and folders that were moved."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient

from finscale.config import ConfigError, FinscaleError, RelocateConfig, StoreError, VerifyConfig
from finscale.pipeline.relocate import relocate
from finscale.pipeline.verify import verify
from finscale.tracking import Kind, create_run, faults_of_artifacts, finals, load_trial
from finscale.tracking.store import check_artifacts
from tests.lab import PROBLEM, Lab, forget_artifacts, open_lab, readdress


def locate(lab: Lab, location: str, experiment_id: str = "0") -> None:
    """Let an experiment keep its artifacts somewhere else."""
    with sqlite3.connect(lab.folder / "mlflow.db") as connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (location, experiment_id),
        )
    connection.close()


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("{folder}/file/mlruns/0", "expected a folder that can be written: {folder}/file/mlruns/0"),
        ("/proc/nowhere/mlruns/0", "expected a folder that can be written: /proc/nowhere"),
        ("s3://bucket/mlruns", "artifact store s3://bucket/mlruns: expected one that takes a file"),
        ("gs://bucket/mlruns", "artifact store gs://bucket/mlruns"),
        ("wasbs://c@me.blob.core.windows.net/x", "artifact store wasbs://"),
        ("strange://bucket/mlruns", "artifact store strange://bucket/mlruns"),
        ("ftp://me:s3cret@127.0.0.1:9/mlruns", "artifact store ftp://me:***@127.0.0.1:9/mlruns"),
    ],
)
def test_a_place_that_takes_nothing_is_found_out_at_the_start(
    location: str, said: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "0")
    (lab.folder / "file").write_text("in the way")
    locate(lab, location.format(folder=lab.folder))
    with pytest.raises(StoreError) as caught:
        lab.hpo()
    assert said.format(folder=lab.folder) in caught.value.line
    assert "s3cret" not in caught.value.line
    assert lab.runs(Kind.HPO) == [] and lab.runs(Kind.BASELINE) == []


def test_a_missing_client_is_named_with_what_installs_it(lab: Lab) -> None:
    locate(lab, "s3://bucket/mlruns")
    with pytest.raises(StoreError, match="boto3") as caught:
        check_artifacts("0")
    assert "pip install boto3" in caught.value.line


def test_looking_leaves_nothing_behind(lab: Lab) -> None:
    check_artifacts("0")
    assert not (lab.folder / "mlruns").exists()


def test_a_store_elsewhere_is_written_to_read_and_left_as_it_was(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in the place of an object store, by its own scheme."""
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    seen: list[str] = []

    class Elsewhere(LocalArtifactRepository):
        def __init__(self) -> None:
            super().__init__(str(tmp_path / "bucket"))

        def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
            seen.append(Path(local_file).name)
            super().log_artifact(local_file, artifact_path)

    monkeypatch.setattr(
        "finscale.tracking.store.artifacts.get_artifact_repository", lambda _: Elsewhere()
    )
    locate(lab, "bucket://somewhere")
    check_artifacts("0")
    check_artifacts("0")
    assert len(seen) == 1 and list((tmp_path / "bucket").iterdir()) == []


@pytest.fixture
def moved(trained: Lab) -> Lab:
    """A store whose folder has been moved: addresses in it are those of before."""
    shutil.move(trained.folder / "mlruns", trained.folder / "elsewhere" / "mlruns")
    forget_artifacts()
    return trained


def test_a_folder_that_was_moved_is_said_with_both_ways_out(moved: Lab) -> None:
    with pytest.raises(StoreError, match="in which finished runs keep theirs") as caught:
        moved.train()
    line = caught.value.line
    assert f"artifacts of experiment Default: expected the folder {moved.folder}/mlruns/0" in line
    assert "move it back" in line
    assert f"python -m entrypoints.relocate --old={moved.folder}/mlruns --new=" in line
    assert not (moved.folder / "mlruns").exists()


def test_a_run_that_keeps_no_file_misses_none(trained: Lab) -> None:
    """The parent of finals has no artifacts of its own, and so no folder."""
    assert trained.runs(Kind.TRAIN)
    assert faults_of_artifacts() == []


def test_a_folder_that_one_run_misses_is_not_advised_to_be_moved_to_itself(trained: Lab) -> None:
    run_id = finals(problem=PROBLEM)["run_id"][0]
    shutil.rmtree(trained.folder / "mlruns" / "0" / run_id)
    (fault,) = faults_of_artifacts()
    assert f"got none at {trained.folder}/mlruns/0/{run_id}/artifacts" in fault.line
    assert f"--new={trained.folder}/mlruns " not in fault.line
    assert "If it was removed for good: delete those runs." in fault.line


def test_verify_sees_it_also_where_the_old_folder_was_made_anew(moved: Lab) -> None:
    (moved.folder / "mlruns" / "0").mkdir(parents=True)
    lines: list[str] = []
    with pytest.raises(FinscaleError, match="artifacts: experiment Default"):
        verify(VerifyConfig(data_root=moved.data_root), listen=lambda e: lines.append(e.text))  # type: ignore[union-attr]
    assert any(line.startswith("WRONG artifacts") for line in lines)


def test_its_addresses_are_counted_then_rewritten(moved: Lab) -> None:
    old, new = f"{moved.folder}/mlruns", f"{moved.folder}/elsewhere/mlruns"
    before = (moved.folder / "mlflow.db").read_bytes()
    relocate(RelocateConfig(old=old, new=new, dry_run=True), listen=moved.listen)
    assert moved.lines[-1].endswith(f"addresses below {old} would be rewritten to {new}.")
    assert (moved.folder / "mlflow.db").read_bytes() == before
    relocate(RelocateConfig(old=old, new=new), listen=moved.listen)
    n_runs = len(MlflowClient().search_runs(["0"]))
    assert f"runs: {n_runs}" in moved.lines and "experiments: 1" in moved.lines
    check_artifacts("0")
    assert load_trial(finals(problem=PROBLEM)["run_id"][0]).arch.d_model == 16
    relocate(RelocateConfig(old=old, new=new), listen=moved.listen)
    assert moved.lines[-1].startswith("0 addresses")


def test_a_model_of_the_registry_is_found_again(moved: Lab) -> None:
    import mlflow

    old, new = f"{moved.folder}/mlruns", f"{moved.folder}/elsewhere/mlruns"
    relocate(RelocateConfig(old=old, new=new), listen=moved.listen)
    name = f"patchtst-{PROBLEM.replace('.', '-')}"
    assert mlflow.pyfunc.load_model(f"models:/{name}@best-9K").metadata.model_uuid


def test_a_neighbour_whose_name_begins_alike_stays(lab: Lab) -> None:
    locate(lab, f"{lab.folder}/mlruns-of-another/0")
    new = lab.folder / "new"
    new.mkdir()
    relocate(RelocateConfig(old=f"{lab.folder}/mlruns", new=str(new)), listen=lab.listen)
    assert MlflowClient().get_experiment("0").artifact_location.endswith("-of-another/0")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mlruns", "/tmp", "old: expected an absolute folder"),
        ("/a", "", "new: expected an absolute folder"),
        ("/a", "/nowhere/at/all", "new: expected a folder that is there"),
        ("/a", "file:///nowhere/at/all", "new: expected a folder that is there"),
    ],
)
def test_places_that_cannot_be_meant_are_refused(lab: Lab, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        relocate(RelocateConfig(old=old, new=new), listen=lab.listen)


def test_a_store_that_is_not_there_is_not_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{lab.folder}/mistyped.db")
    with pytest.raises(StoreError, match="expected a store that holds addresses; got no file"):
        relocate(RelocateConfig(old="/a", new=str(lab.folder)), listen=lab.listen)
    assert not (lab.folder / "mistyped.db").exists()


def test_a_copy_of_a_store_from_another_machine(
    trained_store: Path, data_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_store, tmp_path / "copy")
    elsewhere = "/home/another/project"
    readdress(tmp_path / "copy", str(trained_store), elsewhere, ["experiments", "runs"])
    with open_lab(tmp_path / "copy", data_root) as lab:
        with pytest.raises(StoreError, match="--old=/home/another/project/mlruns") as caught:
            create_run_after_looking(lab)
        assert f"--new={tmp_path}/copy/mlruns" in caught.value.line
    assert not Path("/home/another").exists()


def create_run_after_looking(lab: Lab) -> None:
    check_artifacts("0")
    create_run(Kind.DATA, f"a run in {lab.folder}")
