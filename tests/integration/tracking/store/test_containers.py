"""Two containers of one name and one store: neither takes the other's trial while it is trained."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from finscale.tracking import Kind, Tag, search, where
from tests.e2e_shell import PINS
from tests.lab import ROOT, Lab

WAIT_S = 240.0
_APART = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def can_be_apart() -> bool:
    """Tell whether this machine lets a process have numbers of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_APART, "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_apart(), reason="this user may not make a PID namespace"),
]


def begin(lab: Lab, *options: str) -> subprocess.Popen[str]:
    """Start a search in a PID namespace of its own, as a container has one."""
    pins = [f"--{name}={value}" for name, value in PINS.items() if name != "universe"]
    code = (
        "import sys, runpy; sys.argv[0] = 'hpo';"
        "from finscale.config import HpoConfig; from tests.lab import TINY;"
        "from finscale.pipeline.hpo import hpo; import json;"
        "values = dict(a[2:].split('=') for a in sys.argv[1:]);"
        "hpo(HpoConfig(universe=TINY, **values))"
    )
    command = [*_APART, sys.executable, "-c", code, *pins, f"--data_root={lab.data_root}", *options]
    return subprocess.Popen(
        command,
        cwd=lab.folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_trial_of_a_living_process_elsewhere_is_waited_for(lab: Lab) -> None:
    options = ("--n_trials=1", "--epochs=40", "--seed=7")
    first = begin(lab, *options)
    until = time.monotonic() + WAIT_S
    while not _epochs(lab):
        assert first.poll() is None and time.monotonic() < until, first.communicate()[0]
        time.sleep(0.1)  # between two looks at the store
    os.killpg(first.pid, signal.SIGSTOP)  # it lives, and is long at its trial
    second = begin(lab, *options)
    assert second.stdout
    lines = []
    for line in second.stdout:
        lines.append(line)
        if "waiting for" in line or "going on with" in line:
            break
    os.killpg(first.pid, signal.SIGCONT)
    rest = second.communicate(timeout=WAIT_S)[0]
    said = [first.communicate(timeout=WAIT_S)[0], "".join(lines) + rest]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert "waiting for 1 trial" in said[1] and "going on with trial" not in said[1]
    (trial,) = lab.runs(Kind.TRIAL)
    steps = [point.step for point in _epochs(lab)]
    assert steps == sorted(set(steps)), "every epoch was logged once"
    assert trial.data.tags[Tag.STATUS] == "ok"


def _epochs(lab: Lab) -> list[object]:
    found = list(search(where(KIND=Kind.TRIAL)))
    if not found:
        return []
    client = MlflowClient(f"sqlite:///{lab.folder}/mlflow.db")
    return client.get_metric_history(found[0].info.run_id, "epoch/val_loss")  # type: ignore[no-any-return]
