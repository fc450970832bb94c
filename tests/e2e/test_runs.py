"""`mlflow run` as a user gives it: the run it makes, and stops of every kind."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.tracking import Tag, load_trial, val_curve
from tests.e2e_shell import PINS, Done, Shell

# Long enough that a signal finds a trial at work: early stopping needs ten epochs at least.
LONG = {**PINS, "n_trials": "3", "epochs": "25", "workers": "1"}
WIDE = {"universe": "tiny", "budget": "32K", "space": "demo", "device": "cpu"}
STUDY = {
    "question": "Does it?",
    "universes": ["tiny"],
    "tasks": ["threshold_1pct"],
    "horizons": [1],
    "feature_tiers": ["a20"],
    "budgets": ["9K", "32K", "125K", "500K"],
    "space": "dot",
    "n_trials": 1,
    "epochs": 1,
    "top_k": 1,
    "n_seeds": 3,
}
MODEL = "patchtst-tiny-threshold_1pct-h1-daily-a20"


def by_number(shell: Shell) -> list[StoredRun]:
    return sorted(shell.lab.runs("trial"), key=lambda run: int(run.data.tags[Tag.TRIAL_NUMBER]))


def second_trial_is_at_work(shell: Shell) -> bool:
    found = by_number(shell)
    return len(found) == 2 and len(val_curve(found[1].info.run_id)) >= 2


def check_complete(shell: Shell, first: StoredRun) -> None:
    """Check a search of three trials that was stopped in the second: nothing lost or twice."""
    assert shell.running() == []
    (parent,) = shell.lab.runs("hpo")
    trials = by_number(shell)
    assert parent.info.status == "FINISHED" and len(trials) == 3
    assert [run.data.tags[Tag.TRIAL_NUMBER] for run in trials] == ["0", "1", "2"]
    assert {run.data.tags[Tag.PARENT] for run in trials} == {parent.info.run_id}
    assert trials[0].info.run_id == first.info.run_id
    assert trials[0].info.end_time == first.info.end_time  # not trained again
    assert len({run.data.tags[Tag.FINGERPRINT] for run in trials}) == 3
    for run in trials:
        assert run.data.tags[Tag.STATUS] in ("ok", "pruned", "diverged")
        history = MlflowClient().get_metric_history(run.info.run_id, "epoch/val_loss")
        assert [point.step for point in history] == list(range(1, len(history) + 1))
    assert len(shell.lab.runs("invocation")) == 1 and len(shell.lab.runs("baseline")) == 4


def test_data_and_a_search_are_the_runs_that_mlflow_made(shell: Shell) -> None:
    data = shell.mlflow_run("data", universe="tiny")
    assert data.code == 0 and "tiny is up to date." in data.out
    search = shell.mlflow_run("hpo", budget="32K", space="demo", universe="tiny", n_trials="2",
                              epochs="1", workers="2")  # fmt: skip
    assert search.code == 0, search
    runs = {run.info.run_id: run for run in shell.every_run()}
    (prepared,), (parent,) = shell.lab.runs("data"), shell.lab.runs("hpo")
    for run, entry_point in ((prepared, "data"), (parent, "hpo")):
        assert run.data.tags["mlflow.project.entryPoint"] == entry_point
        assert run.info.status == "FINISHED"
    trials = by_number(shell)
    assert len(runs) == 2 + 2 + 4  # verbs, trials, baselines
    assert [run.data.tags[Tag.PARENT] for run in trials] == [parent.info.run_id] * 2
    for run in trials:
        n_params = sum(weight.numel() for weight in load_trial(run.info.run_id).parameters())
        assert run.data.metrics["n_params"] == n_params
        assert abs(n_params - 32_000) <= 8_000


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_search(shell: Shell) -> None:
    process = shell.start_mlflow_run("hpo", **LONG)
    stopped = shell.stop_when(process, lambda: second_trial_is_at_work(shell), signal.SIGINT)
    assert "finscale: stopped. The same command continues from here." in stopped.err
    assert shell.running() == []
    first, second = by_number(shell)
    (parent,) = shell.lab.runs("hpo")
    assert second.info.status == "KILLED" and second.data.tags[Tag.ATTEMPTS] == "0"
    for run in (parent, second):  # of its own run `mlflow run` says FAILED, whatever we say
        assert run.data.tags[Tag.REASON] == "interrupted" and Tag.STATUS not in run.data.tags
    again = shell.mlflow_run("hpo", **LONG)
    assert again.code == 0 and "going on with trial 1 from" in again.out
    check_complete(shell, first)


@pytest.mark.slow
def test_kill_in_the_middle_of_a_search(shell: Shell) -> None:
    process = shell.start_mlflow_run("hpo", **LONG)
    shell.stop_when(process, lambda: second_trial_is_at_work(shell), signal.SIGKILL)
    assert len(shell.running()) == 2  # nobody was left to close them
    first, _ = by_number(shell)
    again = shell.mlflow_run("hpo", **LONG)
    assert again.code == 0 and "going on with trial 1 from" in again.out
    assert by_number(shell)[1].data.tags[Tag.ATTEMPTS] == "2"
    check_complete(shell, first)


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_trial_a_start_and_nothing_else(shell: Shell) -> None:
    process = shell.start_mlflow_run("hpo", **WIDE, n_trials="3", epochs="25", workers="2")

    def both_are_at_work() -> bool:
        found = by_number(shell)
        return len(found) == 2 and all(len(val_curve(run.info.run_id)) >= 2 for run in found)

    shell.wait_until(process, both_are_at_work)
    lease = json.loads(by_number(shell)[1].data.tags[Tag.LEASE])
    os.kill(lease["pid"], signal.SIGKILL)
    done = shell.finish(process)
    assert done.code == 0 and "the others went on without worker" in done.out, done
    assert "going on with trial 1 from its beginning" in done.out
    trials = by_number(shell)
    assert shell.running() == [] and len(trials) == 3
    assert {run.data.tags[Tag.STATUS] for run in trials} <= {"ok", "pruned"}
    assert trials[1].data.tags[Tag.ATTEMPTS] == "2"


@pytest.mark.slow
def test_ctrl_c_stops_workers_in_order(shell: Shell) -> None:
    process = shell.start_mlflow_run("hpo", **WIDE, n_trials="3", epochs="25", workers="2")
    stopped = shell.stop_when(process, lambda: len(by_number(shell)) == 2, signal.SIGINT)
    assert "finscale: stopped." in stopped.err and "Traceback" not in stopped.err, stopped.err
    assert shell.running() == []
    assert {run.data.tags.get(Tag.REASON) for run in by_number(shell)} == {"interrupted"}
    again = shell.mlflow_run("hpo", **WIDE, n_trials="3", epochs="25", workers="2")
    assert again.code == 0 and len(by_number(shell)) == 3
    assert shell.running() == [] and len(shell.lab.runs("hpo")) == 1


@pytest.mark.slow
def test_a_study_from_nothing_to_a_verdict(shell: Shell) -> None:
    name = write_study(shell.project)
    process = shell.start_mlflow_run("study", study=name, workers="2", device="cpu")
    stopped = shell.stop_when(process, lambda: len(shell.lab.runs("trial")) >= 1, signal.SIGINT)
    assert "Traceback" not in stopped.err, stopped.err
    assert "finscale: stopped." in stopped.err and shell.running() == []

    done = shell.mlflow_run("study", study=name, workers="2", device="cpu")
    assert done.code == 0, done
    check_study(shell, done)

    before = {run.info.run_id for run in shell.every_run()}
    started = time.monotonic()
    again = shell.mlflow_run("study", study=name, workers="2", device="cpu")
    assert time.monotonic() - started < 60  # of which the imports take most
    assert again.code == 0 and f"Study {name}: all 4 cells are done already." in again.out
    assert "Verdict: " in again.out
    new = [run for run in shell.every_run() if run.info.run_id not in before]
    assert [run.data.tags[Tag.KIND] for run in new] == ["invocation"]


def check_study(shell: Shell, done: Done) -> None:
    """Check what a finished study of four cells leaves."""
    count = {kind: len(shell.lab.runs(kind)) for kind in ("hpo", "trial", "train", "final")}
    assert count == {"hpo": 4, "trial": 4, "train": 4, "final": 12}
    assert len(shell.lab.runs("study")) == 1
    assert len(shell.lab.runs("baseline")) == 4 + 4  # of the problem, and a perceptron a cell
    assert shell.running() == []
    (analysis,) = shell.lab.runs("analysis")
    assert f"Verdict: {analysis.data.tags[Tag.NOTE].split('**')[1]}" in done.out
    assert "This is opening 1 of this test" in done.out
    for budget in STUDY["budgets"]:  # type: ignore[attr-defined]
        version = MlflowClient().get_model_version_by_alias(MODEL, f"best-{budget}")
        served = shell.lab.run(str(version.run_id))
        assert served.data.tags[Tag.SELECTED] == "served"
        assert served.data.params["budget"] == budget
    assert all("test_loss" in run.data.metrics for run in shell.lab.runs("final"))


def write_study(project: Path) -> str:
    """Add a study of four budgets with one small trial each to the copied project."""
    space = yaml.safe_load((project / "configs/search/demo.yaml").read_text())
    dot = space | {"n_layers": [2, 3], "batch_size": [128], "revin": [False]}
    (project / "configs/search/dot.yaml").write_text(yaml.safe_dump(dot))
    (project / "configs/studies/rehearsal.yaml").write_text(yaml.safe_dump(STUDY))
    return "rehearsal"
