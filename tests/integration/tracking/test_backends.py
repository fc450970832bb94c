"""The same frames from sqlite, a real MLflow server and a real PostgreSQL; and from none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.store.db.base_sql_model import Base
from sqlalchemy import create_engine, select

from finscale.config import StoreError
from finscale.tracking import (
    Kind,
    Run,
    Status,
    Tag,
    baselines,
    cells,
    create_run,
    finals,
    paired_losses,
    trials,
)
from finscale.tracking.frames import read_runs
from tests.lab import PROBLEM, ROOT, copy_store, forget_artifacts, readdress
from tests.servers import free_port, mlflow_server, postgres

pytestmark = pytest.mark.slow

FRAMES = {
    "trials": lambda: trials(problem=PROBLEM),
    "finals": lambda: finals(problem=PROBLEM),
    "baselines": lambda: baselines(PROBLEM),
    "cells": cells,
    "read_runs": lambda: read_runs(KIND=Kind.TRAIN, STATUS=Status.OK),
    "paired_losses": lambda: paired_losses(finals(problem=PROBLEM)),
}
BACK_ENDS = ["server", "postgres"]


@dataclass
class BackEnds:
    """The same store three times: its addresses by name, and what starts and stops them."""

    addresses: dict[str, str]
    running: dict[str, ExitStack]


@pytest.fixture(scope="module")
def back_ends(trained_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackEnds]:
    """The trained store as a file, behind a server, and copied into PostgreSQL."""
    base = tmp_path_factory.mktemp("back_ends")
    file = copy_store(trained_store, base / "file")
    served = copy_store(trained_store, base / "served")
    readdress(served, f"{served}/mlruns", "mlflow-artifacts:", ["runs", "experiments"])
    found = BackEnds({"sqlite": f"sqlite:///{file}/mlflow.db"}, {})
    with ExitStack() as everything:
        for name in BACK_ENDS:
            found.running[name] = everything.enter_context(ExitStack())
        found.addresses["server"] = found.running["server"].enter_context(
            mlflow_server(f"sqlite:///{served}/mlflow.db", served / "mlruns")
        )
        if shutil.which("postgres"):
            address = found.running["postgres"].enter_context(postgres())
            copy_tables(found.addresses["sqlite"], address)
            found.addresses["postgres"] = address
        yield found


def copy_tables(source: str, target: str) -> None:
    """Copy every row of a store into another database."""
    MlflowClient(target).search_experiments()  # makes the tables
    tables = Base.metadata.sorted_tables
    with create_engine(source).connect() as old, create_engine(target).begin() as new:
        for table in reversed(tables):
            new.execute(table.delete())
        for table in tables:
            rows = [dict(row) for row in old.execute(select(table)).mappings()]
            if rows:
                new.execute(table.insert(), rows)


def open_store(name: str, stores: BackEnds, patch: pytest.MonkeyPatch) -> None:
    if name not in stores.addresses:
        pytest.skip("no PostgreSQL on this machine: postgres is not on the path")
    forget_artifacts()  # by run id: the copies would read each other's files
    patch.setenv("MLFLOW_TRACKING_URI", stores.addresses[name])


@pytest.mark.parametrize("name", BACK_ENDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_every_store_gives_the_same_frame(
    frame: str, name: str, back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store("sqlite", back_ends, monkeypatch)
    expected = FRAMES[frame]()
    open_store(name, back_ends, monkeypatch)
    assert len(expected) >= 1
    pd.testing.assert_frame_equal(FRAMES[frame](), expected)


@pytest.mark.parametrize("name", ["sqlite", *BACK_ENDS])
def test_what_is_written_is_read_again(
    name: str, back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_store(name, back_ends, monkeypatch)
    monkeypatch.chdir(tmp_path)
    run = write_final(tmp_path)
    (row,) = finals(problem="written.here").to_dict("records")
    expected = {"n_layers": 4, "revin": True, "learning_rate": 1e-3, "val_loss": 0.25}
    assert {key: row[key] for key in expected} == expected and row["status"] == "ok"
    assert row["epoch/val_loss"] == 0.5
    losses = paired_losses(finals(problem="written.here"))
    np.testing.assert_array_equal(losses[run.run_id], [0.2, 0.3])
    MlflowClient().delete_run(run.run_id)
    assert finals(problem="written.here").empty


def write_final(folder: Path) -> Run:
    tags = {Tag.PROBLEM: "written.here", Tag.FINGERPRINT: "f" * 64}
    run = create_run(Kind.FINAL, "written", tags=tags)
    run.param({"n_layers": 4, "revin": True, "learning_rate": 1e-3})
    run.epochs({1: {"epoch/val_loss": 0.5}})
    run.metric({"val_loss": 0.25})
    days = pd.to_datetime(["2015-01-05", "2015-01-06", "2016-01-04"])
    frame = pd.DataFrame({"date": days, "ticker": "x", "segment": ["validation"] * 2 + ["test"]})
    frame = frame.assign(block=0, y=1.0, output=0.1, log_sigma=np.nan, loss=[0.2, 0.3, np.nan])
    frame.to_parquet(folder / "predictions.parquet", index=False)
    run.file(folder / "predictions.parquet")
    run.end(Status.OK, "completed")
    return run


@pytest.mark.parametrize("name", BACK_ENDS)
def test_a_store_that_has_stopped_is_one_line_when_the_time_to_wait_is_up(
    name: str, back_ends: BackEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "1")
    open_store(name, back_ends, monkeypatch)
    assert len(read_runs(KIND=Kind.FINAL)) == 4  # it has answered this process before
    back_ends.running[name].close()
    started = time.monotonic()
    with pytest.raises(StoreError, match="expected an MLflow store that answers; got") as caught:
        read_runs(KIND=Kind.FINAL)
    assert 1 <= time.monotonic() - started < 30
    assert "\n" not in caught.value.line and "secret" not in caught.value.line


@pytest.mark.parametrize(
    "scheme", ["http://127.0.0.1", "postgresql+psycopg2://me:secret@localhost"]
)
def test_the_command_line_says_at_once_that_no_store_answers(scheme: str, tmp_path: Path) -> None:
    uri = f"{scheme}:{free_port()}" + ("/db" if scheme.startswith("postgresql") else "")
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.analyze", "--universe=sp500"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: tracking store ") and "Connection refused" in line
    assert "secret" not in line
    assert time.monotonic() - started < 45  # almost all of it are imports
