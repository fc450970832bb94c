"""A typo and a look at the help cost no import of torch: checked in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VERBS = ("data", "hpo", "train", "analyze", "study", "verify")

# Runs an entry point as `python -m` does, and then says what it has imported.
PROBE = """
import runpy, sys
verb, sys.argv[1:] = sys.argv[1], sys.argv[2:]
try:
    runpy.run_module(f"entrypoints.{verb}", run_name="__main__", alter_sys=True)
except SystemExit as leaving:
    print("exit", leaving.code)
print("imported", *sorted({"torch", "mlflow", "pandas", "optuna", "numpy"} & set(sys.modules)))
"""


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("verb", VERBS)
def test_a_typo_is_one_line_and_exit_code_2(verb: str) -> None:
    done = run("-c", PROBE, verb, "--data_rot=x")
    assert done.stdout.splitlines() == ["exit 2", "imported"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: parameter: expected one of ")
    assert line.endswith("got 'data_rot'. Did you mean data_root?")


def test_help_imports_nothing_heavy() -> None:
    done = run("-c", PROBE, "hpo", "--help")
    assert done.stdout.splitlines()[-2:] == ["exit 0", "imported"]
    assert done.stdout.startswith("usage: python -m entrypoints.hpo [-h]")
    assert done.stderr == ""


def test_the_module_itself_leaves_with_2() -> None:
    done = run("-m", "entrypoints.hpo", "--horizon=1.5")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: parameters, horizon: expected a valid integer")


def test_a_wrong_boolean_leaves_with_2() -> None:
    done = run("-m", "entrypoints.analyze", "--allow_partial=maybe")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: parameters, allow_partial: expected a valid boolean")


def test_a_working_directory_that_is_gone_is_one_line(tmp_path: Path) -> None:
    given = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m entrypoints.verify"
    done = subprocess.run(
        ["sh", "-c", given],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: working directory: expected a folder that exists")


def test_a_relative_store_is_refused_before_anything_is_imported() -> None:
    done = run("-c", PROBE, "hpo", "--budget=2M", MLFLOW_TRACKING_URI="sqlite:///mlflow.db")
    assert done.stdout.splitlines() == ["exit 2", "imported"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("finscale: MLFLOW_TRACKING_URI: expected an absolute address")
