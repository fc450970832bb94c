"""What a command imports: no more than it needs, so that it answers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import ROOT, Lab

# Each takes between a tenth of a second and two seconds to import.
DRAWING = ("jinja2", "matplotlib")
LEARNING = ("arch", "optuna", "scipy.stats", "sklearn", "torch")
HEAVY = (*DRAWING, *LEARNING, "mlflow", "pandas", "sqlalchemy", "talib", "yfinance")
# A program, and at its end, however it ends, what it has imported.
PROGRAM = """
import atexit, os, sys
from pathlib import Path
names = lambda: "\\n".join(sys.modules)
atexit.register(lambda: Path(os.environ["IMPORTED"]).write_text(names(), encoding="utf-8"))
"""
ENTRY_POINT = "import runpy\nrunpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
# The tiny universe is in no file of configs/, so that its verbs are called as entry points do.
DATA = """
from finscale.config import DataConfig
from finscale.pipeline.data import data
from tests.lab import TINY
data(DataConfig(universe=TINY, data_root=Path(sys.argv[1])))
"""
HPO = """
from finscale.config import HpoConfig
from finscale.pipeline.hpo import hpo
from tests.lab import SMALL
hpo(HpoConfig(**SMALL, data_root=Path(sys.argv[1])))
"""
# Where nobody listens.
NOWHERE = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}


class Ran:
    """A program in a process of its own, and which of the heavy modules it has imported."""

    def __init__(self, folder: Path, body: str, *arguments: str, **variables: str) -> None:
        told = folder / "imported.txt"
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM + body, *arguments],
            env={**os.environ, "PYTHONPATH": path, "IMPORTED": str(told), **variables},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.code, self.said = done.returncode, done.stdout + done.stderr
        modules = told.read_text(encoding="utf-8").splitlines()
        self.heavy = {name for name in HEAVY if name in modules}


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("data --universe=sp5000", "universe: expected one of"),
        ("hpo --task=threshold_1pc", "task: expected one of"),
        ("hpo --space=demoo", "space: expected one of"),
        ("study --study=demoo", "study: expected one of"),
        ("analyze --study=demoo", "study: expected one of"),
        ("train --top=3", "parameter: expected one of"),
        ("hpo --n_trials=two", "n_trials: expected a valid integer"),
    ],
)
def test_a_typo_is_said_before_anything_is_imported(
    tmp_path: Path, command: str, line: str
) -> None:
    verb, option = command.split()
    ran = Ran(tmp_path, ENTRY_POINT, f"entrypoints.{verb}", option)
    assert (ran.code, ran.heavy) == (2, set()) and line in ran.said


@pytest.mark.parametrize("verb", ["data", "hpo", "train", "analyze", "study"])
def test_a_store_that_does_not_answer_is_said_first(tmp_path: Path, verb: str) -> None:
    ran = Ran(tmp_path, ENTRY_POINT, f"entrypoints.{verb}", **NOWHERE)
    assert ran.code == 2 and "expected an MLflow store that answers" in ran.said
    assert ran.heavy.isdisjoint((*DRAWING, *LEARNING))


@pytest.mark.parametrize("verb", ["hpo", "train"])
def test_a_refusal_by_a_floor_needs_no_model(lab: Lab, tmp_path: Path, verb: str) -> None:
    universe, root = "--universe=sp500-vix", f"--data_root={tmp_path}/data"
    prepared = Ran(tmp_path, ENTRY_POINT, "entrypoints.data", universe, root)
    ran = Ran(tmp_path, ENTRY_POINT, f"entrypoints.{verb}", universe, root)
    assert (prepared.code, ran.code) == (0, 2)
    assert "n_minority: expected at least 20, the floor; got 12" in ran.said
    assert ran.heavy.isdisjoint((*DRAWING, *LEARNING)) and lab.runs("hpo") == []


def test_data_that_are_up_to_date_are_not_drawn_again(lab: Lab, data_root: Path) -> None:
    first, second = (Ran(lab.folder, DATA, str(data_root)) for _ in range(2))
    assert (first.code, second.code) == (0, 0) and "tiny is up to date." in second.said
    assert set(DRAWING) < first.heavy and second.heavy.isdisjoint((*DRAWING, *LEARNING))


def test_a_search_that_is_whole_needs_no_model(searched: Lab, data_root: Path) -> None:
    ran = Ran(searched.folder, HPO, str(data_root))
    assert ran.code == 0 and "the search has its 2 trials already" in ran.said
    assert "optuna" in ran.heavy
    assert ran.heavy.isdisjoint((*DRAWING, "scipy.stats", "sklearn", "torch"))


def test_data_are_verified_without_a_store(lab: Lab, data_root: Path, tmp_path: Path) -> None:
    options = ("--part=data", f"--data_root={data_root}")
    ran = Ran(tmp_path, ENTRY_POINT, "entrypoints.verify", *options)
    assert ran.code == 0 and "Nothing is wrong" in ran.said and lab.runs("data") == []
    assert ran.heavy == {"pandas"}
