"""A small laboratory: a universe, a model and a store in which a search takes a second."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from finscale.config import AnalyzeConfig, Floors, HpoConfig, TrainConfig, Universe

if TYPE_CHECKING:
    from mlflow.entities import Run as StoredRun

    from finscale.pipeline.problem.data import ProblemData
    from finscale.tracking import Run

ROOT = Path(__file__).resolve().parents[1]
TINY = Universe(
    name="tiny",
    source="bundled",
    target="^GSPC",
    tickers=("^GSPC",),
    start=date(2010, 1, 4),
    train_end=date(2014, 12, 31),
    validation_end=date(2015, 12, 31),
    end=date(2016, 12, 30),
)
SMALL: dict[str, Any] = {
    "universe": TINY,
    "device": "cpu",
    "budget": "9K",
    "space": "demo",
    "n_trials": 2,
    "epochs": 2,
    "d_model": 16,
    "n_layers": 2,
    "n_heads": 2,
    "d_ff": 32,
    "batch_size": 128,
    "revin": False,
}
PROBLEM = "tiny.threshold_1pct.h1.daily.a20"
CELL = f"{PROBLEM}.9K"
TABLES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


@dataclass
class Lab:
    """A store with data beside it; verbs run in this process and their lines are kept."""

    folder: Path
    data_root: Path
    lines: list[str] = field(default_factory=list)

    def listen(self, event: object) -> None:
        """Keep what a verb says once."""
        text = getattr(event, "text", "")
        if not hasattr(event, "done"):
            self.lines.append(text)

    def config(self, kind: Callable[..., Any] = HpoConfig, **changes: Any) -> Any:
        here = (
            {"workers": 1} if kind in (HpoConfig, TrainConfig) else {}
        )  # models train in this process
        return kind(**(SMALL | here | {"data_root": self.data_root} | changes))

    def train_config(self, **changes: Any) -> TrainConfig:
        config: TrainConfig = self.config(TrainConfig, **({"top_k": 2, "n_seeds": 2} | changes))
        return config

    def hpo(
        self, run_id: str | None = None, listen: Callable[[Any], None] | None = None, **changes: Any
    ) -> Run:
        from finscale.pipeline.hpo import hpo

        return hpo(self.config(**changes), run_id, listen=listen or self.listen)

    def train(
        self, run_id: str | None = None, listen: Callable[[Any], None] | None = None, **changes: Any
    ) -> Run:
        from finscale.pipeline.train import train

        return train(self.train_config(**changes), run_id, listen=listen or self.listen)

    def analyze(self, **changes: Any) -> Run:
        from finscale.pipeline.analyze import analyze

        values = {"universe": TINY, "data_root": self.data_root} | changes
        return analyze(AnalyzeConfig(**values), listen=self.listen)

    def problem(self, **changes: Any) -> ProblemData:
        from finscale.pipeline.problem.data import load_problem

        return load_problem(self.config(**changes), Floors(), self.listen)

    def runs(self, kind: str, **tags: str) -> list[StoredRun]:
        """Return the runs of a kind, the oldest first."""
        from finscale.tracking import search, where

        return list(search(where(KIND=kind, **tags), order_by=["attributes.start_time ASC"]))

    def run(self, run_id: str) -> StoredRun:
        from mlflow import MlflowClient

        return MlflowClient().get_run(run_id)

    def set_status(self, run_id: str, status: str) -> None:
        """Set MLflow's status alone, as a process that was killed leaves it."""
        from mlflow import MlflowClient

        MlflowClient().update_run(run_id, status=status)

    def delete(self, run_id: str) -> None:
        from mlflow import MlflowClient

        MlflowClient().delete_run(run_id)


MakeStore = Callable[[str, Callable[[Lab], object]], Path]
"""The fixture `make_store`: told a name, and what to do in the new store."""
OpenCopy = Callable[[Path], Lab]
"""The fixture `open_copy`: told which store."""


def copy_store(template: Path, folder: Path) -> Path:
    """Copy a store; its runs then keep their artifacts beside the copy."""
    shutil.copytree(template, folder)
    readdress(folder, str(template), str(folder))
    return folder


def readdress(store: Path, old: str, new: str, tables: Iterable[str] = TABLES) -> None:
    """Let runs keep their artifacts somewhere else, as a store of another machine does."""
    columns = [(table, column) for table in tables for column in TABLES[table]]
    _change(
        store,
        [
            (f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (old, new))
            for table, name in columns
        ],
    )


def rewrite_param(store: Path, name: str, value: str) -> None:
    """Let every run have another value of a param: MLflow itself never changes one."""
    _change(store, [("UPDATE params SET value = ? WHERE key = ?", (value, name))])


def _change(store: Path, statements: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    connection = sqlite3.connect(store / "mlflow.db")
    with connection:
        for statement, values in statements:
            connection.execute(statement, values)
    connection.close()


def forget_artifacts() -> None:
    """Let MLflow look anew where runs keep their files: it remembers that by run id, for ever."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()


@contextmanager
def open_lab(folder: Path, data_root: Path) -> Iterator[Lab]:
    """Work in a store: the user's variable points at it, and it is the working directory."""
    forget_artifacts()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        # A measurement of seconds, of which only the sentence matters here.
        patch.setattr(
            "finscale.pipeline.searching.cost.measure_flops_per_second", lambda *_, **__: 1e9
        )
        # What this machine measures at the moment is not for tests to depend on.
        patch.setattr("finscale.pipeline.running.health.sensors", lambda _: {})
        # Seconds a search: tests of them ask for them.
        patch.setattr("finscale.search.search_pictures", lambda _: {})
        yield Lab(folder, data_root)


def dead_lease() -> str:
    """Return the lease of a process of this machine that is gone."""
    from dataclasses import replace

    from finscale.tracking.lease import take_lease

    return replace(take_lease(), started=1.0, token="its own").encode()


def living_lease() -> str:
    """Return the lease of another process that lives: the one that started this one."""
    import os
    from dataclasses import replace

    import psutil

    from finscale.tracking.lease import take_lease

    other = psutil.Process(os.getppid())
    started = other.create_time()
    return replace(take_lease(), pid=other.pid, started=started, token="its own").encode()
