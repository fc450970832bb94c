"""A store's tables: made by one process at a time, and refused where they are of another make."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient

from finscale.config import FinscaleError, StoreError, VerifyConfig
from finscale.pipeline.verify import verify
from finscale.tracking import Kind, create_run
from finscale.tracking.store import check_store
from finscale.tracking.store.schema import lock_file
from tests.lab import Lab
from tests.together import READY, begin_together

OPEN = f"""
import sys
import mlflow
from finscale.tracking import Kind, create_run
{READY}
print(create_run(Kind.DATA, "a run").run_id)
"""


def open_together(address: str, folder: Path, **variables: str) -> list[str]:
    """Open a store by four processes at the same moment; return their runs."""
    return begin_together(OPEN, [()] * 4, folder, MLFLOW_TRACKING_URI=address, **variables)


def test_processes_that_begin_together_make_one_store(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/new/mlflow.db"
    runs = open_together(address, tmp_path)
    stored = {run.info.run_id for run in MlflowClient(address).search_runs(["0"])}
    assert stored == set(runs) and len(runs) == 4
    assert not list((tmp_path / "new").glob("*.lock"))


def test_processes_that_name_a_new_experiment_together_make_one(lab: Lab) -> None:
    address = f"sqlite:///{lab.folder}/mlflow.db"
    runs = open_together(address, lab.folder, MLFLOW_EXPERIMENT_NAME="a new name")
    assert len(runs) == 4 and len({lab.run(run_id).info.experiment_id for run_id in runs}) == 1


def changed(lab: Lab, *statements: str) -> None:
    connection = sqlite3.connect(lab.folder / "mlflow.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


OLDER = ("UPDATE alembic_version SET version_num = 'cbc13b556ace'",)
NEWER = ("UPDATE alembic_version SET version_num = 'ffffffffffff'",)
CUT_SHORT = ("CREATE TABLE _alembic_tmp_params (key TEXT)",)
NOT_FINISHED = (*OLDER, "DELETE FROM experiments")
FOREIGN = ("DROP TABLE alembic_version", "DROP TABLE experiments", "DROP TABLE runs")
MAKES = {
    "older": (OLDER, "got older (cbc13b556ace). Make a copy of it, then give `mlflow db upgrade"),
    "newer": (NEWER, "got newer (ffffffffffff). A newer MLflow has written it"),
    "half-made": (CUT_SHORT, "It holds no run: delete {folder}/mlflow.db, then give the same"),
    "not finished": (NOT_FINISHED, "got half-made (cbc13b556ace)"),
    "foreign": (FOREIGN, "got another program's (no schema on record)"),
}


@pytest.mark.parametrize("name", MAKES)
def test_a_store_of_another_make_is_named(
    name: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.tracking.store.schema.SETTLE_S", 0.0)
    statements, said = MAKES[name]
    changed(lab, *statements)
    before = (lab.folder / "mlflow.db").read_bytes()
    for look in (check_store, lambda: create_run(Kind.DATA, "a run")):
        with pytest.raises(StoreError, match=r"expected schema \w+ of MLflow 3") as caught:
            look()
        assert said.format(folder=lab.folder) in caught.value.line
    assert (lab.folder / "mlflow.db").read_bytes() == before


def test_a_half_made_store_with_runs_is_not_to_be_deleted(lab: Lab) -> None:
    create_run(Kind.DATA, "a run")
    changed(lab, *CUT_SHORT)
    with pytest.raises(StoreError, match="Put back the copy from before the upgrade") as caught:
        check_store()
    assert "delete" not in caught.value.line


def test_what_is_being_made_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(lab, *CUT_SHORT)
    monkeypatch.setattr(
        "finscale.tracking.store.schema.time.sleep",
        lambda _: changed(lab, "DROP TABLE IF EXISTS _alembic_tmp_params"),
    )
    check_store()
    assert create_run(Kind.DATA, "a run").run_id


def test_verify_says_the_same_line(lab: Lab) -> None:
    changed(lab, *NEWER)
    lines: list[str] = []
    with pytest.raises(Exception, match="newer"):
        verify(VerifyConfig(data_root=lab.data_root), listen=lambda e: lines.append(e.text))  # type: ignore[union-attr]
    (wrong,) = [line for line in lines if "tracking store" in line]
    assert wrong.startswith("WRONG tracking store") and wrong.count("tracking store") == 1


def test_verify_sees_a_deleted_experiment_and_makes_none(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "a new name")
    config, lines = VerifyConfig(data_root=lab.data_root), list[str]()
    verify(config, listen=lambda e: lines.append(e.text))  # type: ignore[union-attr]
    assert MlflowClient().get_experiment_by_name("a new name") is None
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    MlflowClient().delete_experiment("0")
    with pytest.raises(FinscaleError, match="mlflow experiments restore --experiment-id 0"):
        verify(config, listen=lambda e: lines.append(e.text))  # type: ignore[union-attr]


def test_a_folder_that_cannot_be_made_is_said_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/store/mlflow.db")
    with pytest.raises(StoreError, match="expected a folder that can be written"):
        create_run(Kind.DATA, "a run")
    with pytest.raises(StoreError, match="one that this user may not write, or cannot make"):
        lock_file(tmp_path / "file" / "store" / "mlflow.db")
