"""Strange values of MLflow's variables, one at a time: it works, or one line says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient, environment_variables
from mlflow.environment_variables import _EnvironmentVariable

from tests.e2e_shell import PINS
from tests.lab import ROOT, TINY, copy_store

NAMES = sorted(
    value.name
    for value in vars(environment_variables).values()
    if isinstance(value, _EnvironmentVariable) and value.name.startswith(("MLFLOW", "_MLFLOW"))
)
STRANGE = "strange value ✓"
BOTH = """
import sys
import entrypoints
from finscale.config import DataConfig, HpoConfig
from tests.lab import TINY

pins = dict(argument[2:].split("=") for argument in sys.argv[1:])
root = pins.pop("data_root")

def both():
    from finscale.pipeline.data import data
    from finscale.pipeline.hpo import hpo
    data(DataConfig(universe=TINY, data_root=root), entrypoints.run_id())
    hpo(HpoConfig(universe=TINY, data_root=root, **pins))

raise SystemExit(entrypoints.exit_code(both))
"""


def give(store: Path, data_root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Prepare data and search, in a process of its own with these variables."""
    pins = [f"--{name}={value}" for name, value in PINS.items() if name != "universe"]
    options = [*pins, f"--data_root={data_root}", "--n_trials=1", "--epochs=1"]
    own = {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db",
        "FINSCALE_STORE_WAIT_S": "1",
        "COLUMNS": "200",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    return subprocess.run(
        [sys.executable, "-c", BOTH, *options],
        cwd=store,
        env=kept | own | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def losses(store: Path) -> list[float]:
    """Return the objective of every trial, and check that no run is left running."""
    client = MlflowClient(f"sqlite:///{store}/mlflow.db")
    every = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(every)
    assert [run.info.run_name for run in runs if run.info.status == "RUNNING"] == []
    return sorted(run.data.metrics["val_loss"] for run in runs if "val_loss" in run.data.metrics)


@pytest.fixture(scope="session")
def usual(
    empty_store: Path, data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[float]:
    folder = tmp_path_factory.mktemp("usual")
    store = copy_store(empty_store, folder / "store")
    shutil.copytree(data_root, folder / "data")
    done = give(store, folder / "data")
    assert done.returncode == 0, done.stderr
    return losses(store)


def check(
    name: str, value: str, empty_store: Path, data_root: Path, tmp_path: Path, usual: list[float]
) -> subprocess.CompletedProcess[str]:
    store = copy_store(empty_store, tmp_path / "store")
    shutil.copytree(data_root, tmp_path / "data")
    done = give(store, tmp_path / "data", **{name: value})
    said = done.stdout + done.stderr
    assert "Traceback" not in said and "does not know" not in said, said
    if done.returncode == 0:
        assert losses(store) == usual, "the result has changed silently"
    else:
        lines = [line for line in done.stderr.splitlines() if line.startswith("finscale: ")]
        assert done.returncode == 2 and lines, said
        losses(store)
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_strange_value_works_or_is_one_line(
    name: str, empty_store: Path, data_root: Path, tmp_path: Path, usual: list[float]
) -> None:
    check(name, STRANGE, empty_store, data_root, tmp_path, usual)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_ENABLE_ASYNC_LOGGING", "true"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "-1"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "0"),
        ("MLFLOW_EXPERIMENT_ID", "7"),
        ("MLFLOW_EXPERIMENT_NAME", ""),
        ("MLFLOW_EXPERIMENT_NAME", "a name / with a slash"),
        ("MLFLOW_RUN_ID", "0" * 32),
        ("MLFLOW_TRACKING_URI", "postgres://me:s3cret@host/db"),
        ("MLFLOW_TRACKING_URI", "sqlite:///relative.db"),
        ("MLFLOW_REGISTRY_URI", "/a/folder"),
        ("MLFLOW_TRUNCATE_LONG_VALUES", "false"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0"),
        ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true"),
        ("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool"),
        ("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "-1"),
        ("MLFLOW_LOGGING_LEVEL", "DEBUG"),
        ("MLFLOW_CONFIGURE_LOGGING", "false"),
        ("MLFLOW_ENABLE_WORKSPACES", "true"),
        ("MLFLOW_DEFAULT_PREDICTION_DEVICE", "cuda"),
        ("MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT", "-3"),
        ("FINSCALE_STORE_WAIT_S", "soon"),
    ],
)
def test_values_that_can_be_meant(
    name: str, value: str, empty_store: Path, data_root: Path, tmp_path: Path, usual: list[float]
) -> None:
    done = check(name, value, empty_store, data_root, tmp_path, usual)
    assert "s3cret" not in done.stdout + done.stderr


def test_the_list_is_of_the_pinned_release() -> None:
    assert len(NAMES) > 200 and TINY.name == "tiny"
