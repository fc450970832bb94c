"""A copy of the project as git sees it, and commands given to it as a user gives them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e_shell import Shell, copy_project
from tests.lab import copy_store, open_lab

UNIVERSE = """
source: bundled
target: ^GSPC
tickers: [^GSPC]
start: 2010-01-04
train_end: 2014-12-31
validation_end: 2015-12-31
end: 2016-12-30
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "finscale"
    copy_project(folder)
    (folder / "configs/universes/tiny.yaml").write_text(UNIVERSE)
    return folder


@pytest.fixture
def shell(project: Path, empty_store: Path, data_root: Path, tmp_path: Path) -> Iterator[Shell]:
    """A shell in the project, with a store and data of its own."""
    store = copy_store(empty_store, tmp_path / "store")
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    bin_folder = Path(sys.executable).parent
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PYT"))}
    variables = kept | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "COLUMNS": "200",
    }
    with open_lab(store, root) as lab:
        yield Shell(project, lab, variables)
