"""A mistake of the user: one line, exit code 2, the run failed with the line in its note."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from finscale.tracking import Tag
from tests.e2e_shell import PINS, Done, Shell

TINY_HPO = [f"--{name}={value}" for name, value in PINS.items()]
BROKEN = """Date,Open,High,Low,Close,Volume
2010-01-04,10,11,9,10,100
2010-01-05,20,21,19,,200
2010-01-06,30,31,29,30,300
"""


def check(shell: Shell, done: Done, run_id: str, said: str) -> None:
    """Check what the design promises of every mistake."""
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("finscale: ") and said in line
    assert "Traceback" not in done.out + done.err
    run = shell.lab.run(run_id)
    assert run.info.status == "FAILED"
    assert line.removeprefix("finscale: ").rstrip() in run.data.tags[Tag.NOTE]
    assert run.data.tags[Tag.STATUS] == "failed"
    assert shell.running() == []


@pytest.mark.parametrize(
    ("verb", "argument", "said"),
    [
        ("hpo", "--budget=20X", "budget: expected a number of parameters such as 500K"),
        ("hpo", "--budget=-2M", "got '-2M'. Pass for example -P budget=20M."),
        ("hpo", "--budget=0", "got '0'"),
        ("train", "--task=threshold_1pt", "Did you mean threshold_1pct?"),
        ("data", "--universe=sp5000", "Did you mean sp500?"),
        ("study", "--study=phase6b", "Did you mean phase6a?"),
        ("hpo", "--horizon=0", "horizon: expected greater than or equal to 1; got '0'."),
        ("hpo", "--x=1", "got 'x'"),
    ],
)
def test_a_value_that_cannot_be(shell: Shell, verb: str, argument: str, said: str) -> None:
    done = shell.python(verb, argument)
    assert done.code == 2 and done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("finscale: ") and said in line
    assert shell.every_run() == []


def test_a_value_that_cannot_be_fails_the_run_of_mlflow(shell: Shell) -> None:
    run_id = shell.new_run()
    done = shell.python("hpo", "--budget=20X", MLFLOW_RUN_ID=run_id)
    check(shell, done, run_id, "got '20X'. Pass for example")
    assert len(shell.every_run()) == 1


def test_a_budget_that_no_architecture_fits(shell: Shell) -> None:
    run_id, root = shell.new_run(), f"--data_root={shell.lab.data_root}"
    done = shell.python("hpo", *TINY_HPO, root, "--budget=90K", MLFLOW_RUN_ID=run_id)
    check(shell, done, run_id, "got 90K with d_model=16, n_layers=2, n_heads=2, d_ff=32. The")
    assert "8.85K" in done.err and len(shell.every_run()) == 1


def test_an_unknown_study_to_analyze(shell: Shell) -> None:
    run_id = shell.new_run()
    done = shell.python("analyze", "--study=demon", MLFLOW_RUN_ID=run_id)
    check(shell, done, run_id, "study: expected one of calibration, control_null, demo, phase6a")
    assert len(shell.every_run()) == 1


def test_a_file_that_is_not_the_one_in_the_manifest(shell: Shell) -> None:
    raw = shell.lab.data_root / "raw/tiny/GSPC.parquet"
    bars = pd.read_parquet(raw)
    bars.iloc[7, 3] += 1.0
    bars.to_parquet(raw)
    before = raw.read_bytes()
    run_id, root = shell.new_run(), f"--data_root={shell.lab.data_root}"
    done = shell.python("hpo", *TINY_HPO, root, MLFLOW_RUN_ID=run_id)
    check(shell, done, run_id, "expected the file in manifest.json (sha256 ")
    line = f"-m entrypoints.data --universe=tiny --data_root={shell.lab.data_root}"
    assert f"Delete {raw}, then run: " in done.err and done.err.endswith(f"{line}\n")
    assert raw.read_bytes() == before and len(shell.every_run()) == 1


def test_a_csv_that_is_no_market(shell: Shell, tmp_path: Path) -> None:
    prices = tmp_path / "prices"
    prices.mkdir()
    (prices / "^GSPC.csv").write_text(BROKEN)
    universe = (shell.project / "configs/universes/tiny.yaml").read_text()
    mine = shell.project / "configs/universes/mine.yaml"
    mine.write_text(universe.replace("bundled", "csv") + f"path: {prices}\n")
    run_id, root = shell.new_run(), tmp_path / "fresh"
    arguments = ("--universe=mine", f"--data_root={root}")
    done = shell.python("data", *arguments, MLFLOW_RUN_ID=run_id)
    check(shell, done, run_id, "expected a number in close; got nothing in line 3.")
    assert list(root.rglob("*.parquet")) == [] and not (root / "manifest.json").exists()


def test_a_relative_store_is_refused_and_none_is_made(shell: Shell) -> None:
    relative = {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "MLFLOW_RUN_ID": "0" * 32}
    done = shell.python("hpo", **relative)
    assert done.code == 2 and done.mistakes == done.err.splitlines()
    assert "MLFLOW_TRACKING_URI: expected an absolute address" in done.err
    assert not (shell.project / "mlflow.db").exists()


def test_mlflow_run_shows_the_line_and_fails_the_run(shell: Shell) -> None:
    done = shell.mlflow_run("hpo", x="1")
    assert done.code == 1
    (line,) = done.mistakes
    assert "got 'x'" in line and "Traceback" not in done.out + done.err
    (run,) = shell.every_run()
    assert run.info.status == "FAILED"
    assert line.removeprefix("finscale: ").rstrip() in run.data.tags[Tag.NOTE]


def test_a_python_without_the_packages_is_one_line(shell: Shell) -> None:
    command = [sys.executable, "-S", "-m", "entrypoints.hpo", "--budget=2M"]
    done = subprocess.run(command, cwd=shell.project, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"expected those of this project in {sys.executable}" in done.stderr
    assert "Run `make setup`, then `source .venv/bin/activate`." in done.stderr
