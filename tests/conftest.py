"""Stores and data that tests share: built once a session, copied for tests that change them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.lab import TINY, Lab, MakeStore, OpenCopy, copy_store, open_lab

# A runner that starts us in the background has SIGINT ignored, here and in what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch and MLflow are imported anywhere: tests are small, and cores are shared.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
OTHERS = ("MLFLOW_TRACKING", "MLFLOW_RUN", "FINSCALE_")
for variable in [name for name in os.environ if name.startswith(OTHERS)]:
    del os.environ[variable]


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny universe, prepared; nobody writes to it."""
    from finscale.dataset import prepare_inputs
    from finscale.market import prepare_raw

    root, now = tmp_path_factory.mktemp("prepared") / "data", datetime.now(UTC)
    prepare_raw(TINY, root, now=now)
    prepare_inputs(TINY, "a20", "daily", root, now=now)
    return root


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database takes seconds to make: this one is copied."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder


@pytest.fixture(scope="session")
def make_store(
    empty_store: Path, data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> MakeStore:
    """Makes a store that many tests copy."""

    def make(name: str, fill: Callable[[Lab], object]) -> Path:
        folder = tmp_path_factory.mktemp(name) / "store"
        with open_lab(copy_store(empty_store, folder), data_root) as lab:
            fill(lab)
        return folder

    return make


@pytest.fixture
def open_copy(data_root: Path, tmp_path: Path) -> Iterator[OpenCopy]:
    """Opens a copy of a store for a test that may change it."""
    with ExitStack() as opened:

        def open_(store: Path) -> Lab:
            copy = copy_store(store, tmp_path / "store")
            return opened.enter_context(open_lab(copy, data_root))

        yield open_


@pytest.fixture(scope="session")
def searched_store(make_store: MakeStore) -> Path:
    """A finished search of two trials, two epochs each."""
    return make_store("searched", Lab.hpo)


@pytest.fixture(scope="session")
def trained_store(make_store: MakeStore) -> Path:
    """Two configurations with two seeds each, from `train` alone: it searched first."""

    def fill(lab: Lab) -> None:
        lab.train()
        (lab.folder / "lines.txt").write_text("\n".join(lab.lines))

    return make_store("trained", fill)


@pytest.fixture
def lab(empty_store: Path, open_copy: OpenCopy) -> Lab:
    """A store of the test's own, with nothing in it."""
    return open_copy(empty_store)


@pytest.fixture
def searched(searched_store: Path, open_copy: OpenCopy) -> Lab:
    """A store of the test's own, with a finished search."""
    return open_copy(searched_store)


@pytest.fixture
def trained(trained_store: Path, open_copy: OpenCopy) -> Lab:
    """A store of the test's own, with finals and a registered model."""
    return open_copy(trained_store)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
